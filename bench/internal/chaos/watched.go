package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/awssm"
)

// watched is a Source that checks when it is asked, and injects faults.
type watched struct {
	r     *run
	inner cache.Source
}

func (w *watched) Fetch(ctx context.Context, ref cache.Ref) (v cache.Value, err error) {
	r := w.r
	r.begins(ref)
	defer r.ends(ref)
	f := none
	draw := r.stream("fetch " + ref.ID)
	if draw.IntN(16) < r.rough {
		f = fault(1 + draw.IntN(int(faults)-1))
		r.fault(faultNames[f])
	}
	wait := time.Duration(draw.Int64N(int64(5 * time.Second)))
	time.Sleep(1 + wait%(50*time.Millisecond))
	if err := f.do(ctx, wait); err != nil {
		if r.mutated == Leak {
			err = fmt.Errorf("%w: %s", err, payloadOf(ref.ID, 1))
		}
		return cache.Value{}, err
	}
	v, err = w.inner.Fetch(ctx, ref)
	if r.mutated == Tear && err == nil {
		text := v.Payload.Reveal()
		v.Payload = cache.StringPayload(text[:len(text)/2] + payloadOf("b", 9)[len(text)/2:])
	}
	return v, err
}

// begins checks that a fetch may begin.
func (r *run) begins(ref cache.Ref) {
	r.check(withBackoff)
	r.mu.Lock()
	f := r.fetch[ref]
	if f == nil {
		f = &fetching{}
		r.fetch[ref] = f
	}
	f.flying++
	flying, failed, at, retryIn := f.flying, f.failed, f.at, f.retryIn
	r.mu.Unlock()
	if flying > 1 {
		r.violate(withBackoff, fmt.Sprintf("%d fetches of %v at a time", flying, ref))
	}
	if since := r.since(at); failed && since < retryIn {
		r.violate(withBackoff, fmt.Sprintf("%v was fetched %v after a failure, which said %v", ref, since, retryIn))
	}
	r.trace("service", "fetch "+ref.ID)
}

func (r *run) ends(ref cache.Ref) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fetch[ref].flying--
}

// observe is the cache's Observer.
func (r *run) observe(_ context.Context, e hook.Event) {
	r.silent(e)
	r.trace("observer", fmt.Sprintf("%T", e))
	switch e := e.(type) {
	case hook.FetchFailed:
		r.silent(e.Err)
		retryIn := e.RetryIn
		if r.mutated == Hammer {
			retryIn += time.Minute
		}
		r.mu.Lock()
		r.fetch[cache.Ref{ID: e.ID, Stage: e.Stage, VersionID: e.VersionID}].failing(r.clocks(), retryIn)
		r.mu.Unlock()
	case hook.Fetched:
		r.mu.Lock()
		if f := r.fetch[cache.Ref{ID: e.ID, Stage: e.Stage}]; f != nil {
			f.failed = false
		}
		r.mu.Unlock()
	case hook.Evicted:
		r.fault("eviction")
	case hook.DecodeFailed:
		r.fault("a version that does not decode")
		r.silent(e.Err)
	case hook.ServedStale:
		r.silent(e.Err)
	}
	if r.hits("observer", 15) {
		r.fault("observer panic")
		panic(mark)
	}
	if r.hits("observer reads", 10) {
		r.c.Len()
	}
}

func (f *fetching) failing(at [2]int64, retryIn time.Duration) {
	if f != nil {
		f.failed, f.at, f.retryIn = true, at, retryIn
	}
}

// A scrambler is a Hook that turns all bits, and sometimes fails.
type scrambler struct{ r *run }

func (s *scrambler) trouble(name string) error {
	switch s.r.stream(name).IntN(30) {
	case 0:
		s.r.fault("hook panic")
		panic(mark)
	case 1:
		s.r.fault("hook error")
		return errors.New(mark)
	}
	return nil
}

func turned(data []byte) []byte {
	data = slices.Clone(data)
	for i := range data {
		data[i] = ^data[i]
	}
	return data
}

func (s *scrambler) Put(_ context.Context, item hook.Item, plain []byte) ([]byte, error) {
	return turned(plain), s.trouble("put " + item.ID)
}

func (s *scrambler) Get(_ context.Context, item hook.Item, stored []byte) ([]byte, error) {
	return turned(stored), s.trouble("get " + item.ID)
}

// effects are faults of the service and of the way to it.
var effects = map[string]func() secrettest.Effect{
	"SDK: throttling": secrettest.Throttling, "SDK: internal error": secrettest.InternalError, "SDK: access denied": secrettest.AccessDenied,
	"SDK: connection dropped": secrettest.DropConnection, "SDK: body cut off": secrettest.TruncateBody, "SDK: body corrupt": secrettest.CorruptBody,
	"SDK: wrong types": secrettest.WrongTypes, "SDK: hang": secrettest.Hang,
}

// sdk returns a Source over the real AWS SDK, whose service is that of secrettest. It
// follows the model's service at each fetch.
func (r *run) sdk() cache.Source {
	server := secrettest.New(r.t)
	client := secretsmanager.New(secretsmanager.Options{
		Region: "us-east-1", HTTPClient: server.Client(),
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "key", ""),
	})
	source, err := awssm.New(client)
	if err != nil {
		r.t.Fatal(err)
	}
	return cache.SourceFunc(func(ctx context.Context, ref cache.Ref) (cache.Value, error) {
		v, err := r.svc.Fetch(ctx, ref)
		if err != nil {
			return v, err
		}
		name := ref.ID + "-" + v.VersionID
		if _, err := server.Create(name, v.Payload.Reveal()); err != nil && server.Calls() == 0 {
			return cache.Value{}, err
		}
		draw := r.stream("sdk " + ref.ID)
		if draw.IntN(16) < r.rough {
			names := sortedKeys(effects)
			kind := names[draw.IntN(len(names))]
			r.fault(kind)
			stop, err := server.Inject(secrettest.Fault{SecretID: name, Effect: effects[kind]()})
			if err != nil {
				return cache.Value{}, err
			}
			defer stop()
		}
		got, err := source.Fetch(ctx, cache.Ref{ID: name, Stage: ref.Stage})
		got.Name, got.VersionID, got.ARN = v.Name, v.VersionID, ""
		return got, err
	})
}
