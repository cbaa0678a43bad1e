package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/awssm"
)

// watched is a Source that checks each fetch, and injects faults.
type watched struct {
	r     *run
	inner secret.Source
}

func (w *watched) Fetch(ctx context.Context, ref secret.Ref) (v secret.Value, err error) {
	r := w.r
	defer r.arrives(ctx)()
	seen := r.begins(ctx, keyOf(ref.ID, ref.Stage), false)
	defer func() {
		said := err
		if err == nil && numberOf(v) == 0 {
			said = errBrokenOff
		}
		r.says(keyOf(ref.ID, ref.Stage), seen, said)
		r.ends(seen, numberOf(v))
	}()
	defer r.lasts(ctx, time.Now())
	return w.fetch(ctx, ref)
}

// errBrokenOff stands for a call that panics or ends its goroutine.
var errBrokenOff = errors.New("broken off")

// probeTimeout bounds a fetch that is the probe of a source that is down.
const probeTimeout = 3 * time.Second

// lasts checks, at the end of a fetch, that its caller's end did not end it.
func (r *run) lasts(ctx context.Context, began time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checked(noEnd)
	if (ctx.Err() != nil || r.mutated == CutShort) && !r.closed && time.Since(began) < min(r.fetchTimeout(), probeTimeout) {
		r.violated(noEnd, fmt.Sprintf("one was ended after %v", time.Since(began)))
	}
}

func (w *watched) fetch(ctx context.Context, ref secret.Ref) (v secret.Value, err error) {
	r := w.r
	f := none
	draw := r.stream("fetch " + keyOf(ref.ID, ref.Stage))
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
		return secret.Value{}, err
	}
	v, err = w.inner.Fetch(ctx, ref)
	if r.mutated == Tear && err == nil {
		text := v.Payload.Reveal()
		v.Payload = secret.StringPayload(text[:len(text)/2] + payloadOf("b", 9)[len(text)/2:])
	}
	return v, err
}

// numberOf returns the number of a value's version, or 0 if there is none.
func numberOf(v secret.Value) (n int) {
	fmt.Sscanf(v.VersionID, "version-%d", &n)
	return n
}

// observe is the cache's Observer.
func (r *run) observe(_ context.Context, e hook.Event) {
	r.silent(e)
	if _, isStale := e.(hook.ServedStale); !isStale { // it is random how many reads of one moment see the fetch begin
		r.trace("observer", "%T", e)
	}
	switch e := e.(type) {
	case hook.FetchFailed:
		r.silent(e.Err)
		r.failed(e)
	case hook.Fetched:
		r.mu.Lock()
		r.tells(keyOf(e.ID, e.Stage), nil, 0)
		r.mu.Unlock()
	case hook.Rotated:
		r.moves(e)
	case hook.Evicted:
		r.fault("eviction")
		r.mu.Lock()
		k := r.knownOf(keyOf(e.ID, e.Stage))
		k.evicted = append(k.evicted, r.moment())
		r.mu.Unlock()
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

// failed records a failure, and checks that the delay after it is that of the policy.
func (r *run) failed(e hook.FetchFailed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	retryIn := e.RetryIn
	if r.mutated == Hammer {
		retryIn += time.Minute
	}
	k := r.tells(keyOf(e.ID, e.Stage), e.Err, retryIn)
	p := r.cfg.Backoff
	p.Max = longestDelay(e.Err)
	p.Jitter = backoff.NoJitter
	most := p.DelayAfter(k.failures, k.firstFailed.to(moment{clocks: r.clocks()}))
	if r.mutated == Rush {
		most /= 2
	}
	r.checked(delays)
	isAgain := e.Failures < k.failures && e.Failures > 0 && r.health.answer > 0 // an outage that is over is forgiven
	if isAgain {
		k.failures = e.Failures
		k.firstFailed = moment{clocks: r.clocks()}
	}
	if !isRefusal(e.Err) && r.mutated != Rush && r.mutated != Hammer {
		most = max(most, 5*time.Second) // the delay of a probe
	}
	mustBe := r.cfg.Backoff.Jitter == backoff.NoJitter && isRefusal(e.Err) && !isAgain
	if e.Failures != k.failures || e.RetryIn > most || mustBe && e.RetryIn != most {
		r.violated(delays, fmt.Sprintf("failure %d of %s is reported as failure %d, with a delay of %v of %v", k.failures, e.ID, e.Failures, e.RetryIn, most))
	}
}

// longestDelay returns the longest delay after failures with this error.
func longestDelay(err error) time.Duration {
	for _, row := range []struct {
		kind error
		most time.Duration
	}{
		{secret.ErrUnavailable, 15 * time.Second},
		{secret.ErrTimeout, 15 * time.Second},
		{secret.ErrThrottled, 15 * time.Second},
		{secret.ErrAccessDenied, time.Minute},
		{secret.ErrDecryption, time.Minute},
		{secret.ErrNotFound, 5 * time.Minute},
	} {
		if errors.Is(err, row.kind) {
			return row.most
		}
	}
	return backoff.DefaultMax
}

// A scrambler is a Hook that inverts all bits, and sometimes fails.
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
	return turned(plain), s.trouble("put " + keyOf(item.ID, item.Stage))
}

func (s *scrambler) Get(_ context.Context, item hook.Item, stored []byte) ([]byte, error) {
	return turned(stored), s.trouble("get " + keyOf(item.ID, item.Stage))
}

// effects are faults of the service and of the connection to it.
var effects = map[string]func() secrettest.Effect{
	"SDK: throttling": secrettest.Throttling, "SDK: internal error": secrettest.InternalError, "SDK: access denied": secrettest.AccessDenied,
	"SDK: connection dropped": secrettest.DropConnection, "SDK: body cut off": secrettest.TruncateBody, "SDK: body corrupt": secrettest.CorruptBody,
	"SDK: wrong types": secrettest.WrongTypes, "SDK: hang": secrettest.Hang,
}

// sdk returns a Source over the real AWS SDK and secrettest. Each fetch first copies the
// state of the model's service to secrettest.
func (r *run) sdk() secret.Source {
	server := secrettest.New(r.t)
	client := secretsmanager.New(secretsmanager.Options{
		Region: "us-east-1", HTTPClient: server.Client(),
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "key", ""),
	})
	source, err := awssm.New(client)
	if err != nil {
		r.t.Fatal(err)
	}
	return secret.SourceFunc(func(ctx context.Context, ref secret.Ref) (secret.Value, error) {
		v, err := r.svc.Fetch(ctx, ref)
		if err != nil {
			return v, err
		}
		name := ref.ID + "-" + v.VersionID
		if _, err := server.Create(name, v.Payload.Reveal()); err != nil && server.Calls() == 0 {
			return secret.Value{}, err
		}
		draw := r.stream("sdk " + keyOf(ref.ID, ref.Stage))
		if draw.IntN(16) < r.rough {
			names := sortedKeys(effects)
			kind := names[draw.IntN(len(names))]
			r.fault(kind)
			stop, err := server.Inject(secrettest.Fault{SecretID: name, Effect: effects[kind]()})
			if err != nil {
				return secret.Value{}, err
			}
			defer stop()
		}
		got, err := source.Fetch(ctx, secret.Ref{ID: name, Stage: cache.DefaultStage})
		got.Name, got.VersionID, got.ARN = v.Name, v.VersionID, ""
		return got, err
	})
}
