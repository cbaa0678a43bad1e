package chaos

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/typedsecret/typedsecret/secret"
)

// fetchingMany is a watched with the method FetchMany.
type fetchingMany struct{ *watched }

type answerFunc = func(secret.Ref, secret.Value, error)

// FetchMany makes requests, each for some of refs. If a request is refused or leaves a Ref
// out, that Ref may be in another request, or in none.
func (m fetchingMany) FetchMany(ctx context.Context, refs []secret.Ref, answer answerFunc) {
	r := m.r
	draw := r.stream("many of " + refs[0].ID)
	size, twice, breaks := 1+draw.IntN(len(refs)), draw.IntN(16) < r.rough, draw.IntN(32) < r.rough
	if idle := r.stream("idle before many of " + refs[0].ID); idle.IntN(16) < r.rough {
		r.fault("many: idle before the first request")
		time.Sleep(time.Duration(idle.Int64N(int64(r.fetchTimeout()))))
	}
	if twice {
		r.fault("many: two answers")
		once := answer
		answer = func(ref secret.Ref, v secret.Value, err error) {
			once(ref, v, err)
			once(ref, secret.Value{}, errors.New(mark))
		}
	}
	var again sync.WaitGroup
	alone := func(ref secret.Ref, f *fetch) {
		again.Go(func() {
			isAsked := false
			defer func() {
				if !isAsked { // the source went down meanwhile, so the cache has given the fetch up
					r.ends(f, 0)
					r.mu.Lock()
					f.told, f.failed = r.moment(), true // it brought nothing
					r.mu.Unlock()
				}
			}()
			secret.MakeRequests(ctx, slices.Values([][]secret.Ref{{ref}}), answer, func(ctx context.Context, _ []secret.Ref) (err error) {
				var v secret.Value
				defer r.arrives(ctx)()
				isAsked = true
				r.goesOn(f)
				defer func() {
					if r.ends(f, numberOf(v)); err == nil && v.VersionID != "" {
						answer(ref, v, nil)
					}
				}()
				defer r.lasts(ctx, time.Now())
				v, err = m.fetch(ctx, ref)
				r.says(keyOf(ref.ID, ref.Stage), f, err)
				return err
			})
		})
	}
	defer again.Wait()
	secret.MakeRequests(ctx, slices.Chunk(refs, size), answer, func(ctx context.Context, refs []secret.Ref) error {
		return m.request(ctx, refs, answer, alone)
	})
	if breaks {
		r.fault("many: broken off")
		if draw.IntN(2) == 0 {
			runtime.Goexit()
		}
		panic(mark)
	}
}

// request makes one request of FetchMany. It leaves some Refs to the function alone.
func (m fetchingMany) request(ctx context.Context, refs []secret.Ref, answer answerFunc, alone func(secret.Ref, *fetch)) error {
	r := m.r
	defer r.arrives(ctx)()
	open := map[secret.Ref]*fetch{}
	for _, ref := range refs {
		open[ref] = r.begins(ctx, keyOf(ref.ID, ref.Stage), true)
	}
	defer func() {
		for _, f := range open {
			r.ends(f, 0)
		}
	}()
	take := func(ref secret.Ref) *fetch {
		f := open[ref]
		delete(open, ref)
		return f
	}
	defer r.lasts(ctx, time.Now())
	draw := r.stream("request for " + refs[0].ID)
	time.Sleep(1 + time.Duration(draw.Int64N(int64(50*time.Millisecond))))
	f := none
	if draw.IntN(16) < r.rough {
		f = fault(1 + draw.IntN(int(faults)-1))
		r.fault("many: " + faultNames[f])
	}
	if err := f.do(ctx, time.Duration(draw.Int64N(int64(5*time.Second)))); err != nil {
		if ctx.Err() != nil || errors.Is(err, secret.ErrUnavailable) || errors.Is(err, secret.ErrTimeout) {
			for ref, one := range open {
				r.says(keyOf(ref.ID, ref.Stage), one, err)
			}
			return err
		}
		for _, ref := range refs {
			alone(ref, take(ref))
		}
		return nil
	}
	for _, ref := range refs {
		v, err := m.inner.Fetch(ctx, ref)
		if draw.IntN(16) < r.rough {
			switch draw.IntN(4) {
			case 0:
				r.fault("many: one by another request")
				alone(ref, take(ref))
				continue
			case 1:
				r.fault("many: no answer about one")
				continue
			case 2:
				v, err = secret.Value{}, secret.ErrAccessDenied
			case 3:
				v, err = secret.Value{}, secret.ErrUnavailable
			}
			r.fault("many: " + err.Error())
		}
		one := take(ref)
		r.says(keyOf(ref.ID, ref.Stage), one, err)
		r.ends(one, numberOf(v))
		answer(ref, v, err)
	}
	return nil
}
