package chaos

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/typedsecret/typedsecret"
)

// maxRequests is the most requests of a cache that may be under way at a time.
const maxRequests = 64

// arrives records a request that begins at the source, and returns a function that records
// its end. A request whose context has ended does not count, since the cache may have
// abandoned it.
func (r *run) arrives(ctx context.Context) func() {
	r.mu.Lock()
	r.requests++
	r.checked(fewRequests)
	most := maxRequests
	if r.mutated == Throng {
		most /= 2
	}
	if r.requests > most {
		r.violated(fewRequests, fmt.Sprintf("%d are under way", r.requests))
	}
	if r.requests >= maxRequests {
		r.full = r.moment()
	}
	r.mu.Unlock()
	leave := sync.OnceFunc(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.requests--; r.requests >= maxRequests-1 {
			r.full = r.moment()
		}
	})
	stop := context.AfterFunc(ctx, leave)
	return func() {
		stop()
		leave()
	}
}

// crowd reads many secrets that do not exist, so that fetches have to queue. The readers
// begin one after the other, so that their order does not depend on chance.
func (r *run) crowd(a *actor) {
	r.fault("crowd")
	r.trace(a.name, "crowd")
	secrets := typedsecret.NewByID[creds](typedsecret.WithCache(r.c))
	patience := 1 + time.Duration(a.rng.Int64N(int64(2*time.Second)))
	var readers sync.WaitGroup
	for i := range 40 + a.rng.IntN(160) {
		ctx, cancel := context.WithTimeout(r.call(), patience)
		readers.Go(func() {
			defer cancel()
			began := time.Now()
			_, err := secrets.Get(ctx, fmt.Sprint("crowd ", i))
			r.check(inTime)
			if took := time.Since(began); took > patience {
				r.violate(inTime, fmt.Sprintf("Get of one in a crowd took %v, and its context had %v left", took, patience))
			}
			if err == nil {
				r.violate(rightValue, "a secret that does not exist has a value")
				return
			}
			r.silent(err)
			if errors.Is(err, context.Canceled) {
				r.violate(inTime, "a Get in a crowd was cancelled, and its context was not")
			}
		})
		time.Sleep(time.Nanosecond)
	}
	readers.Wait()
}
