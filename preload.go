package typedsecret

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/internal/units"
	"github.com/typedsecret/typedsecret/internal/world"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/status"
)

// A Handle is a *Secret of any T, as an argument of [Preload].
type Handle interface {
	ID() string
	Err() error
	Status() status.Handle

	notReady(maxAge time.Duration) error
	resolve(ctx context.Context, byDefault func() (*engine.Cache, error)) (*engine.Entry, error)
	decodeFor(ctx context.Context, snap *engine.Snapshot, err error) error
}

// Preload fetches the secrets of all handles, in as few requests as Secrets Manager allows,
// and decodes and validates each. So a service can refuse to start, and report all mistakes
// at once: the error joins, by [errors.Join], an [*Error] for each handle whose Get would
// fail. Secrets that are in the cache already are not fetched.
//
// Secrets of the stage AWSCURRENT are fetched by BatchGetSecretValue, twenty in a request.
// That needs the permission secretsmanager:BatchGetSecretValue beside the usual one.
// Without the permission, and for other stages and versions, each secret is a request of
// its own.
//
// The end of ctx ends the wait, but not the fetches under way. If ctx is done at the start,
// no fetch begins. The cache keeps the secrets of the handles, also beyond its MaxSize.
func Preload(ctx context.Context, handles ...Handle) error {
	return Preloader{}.Preload(ctx, handles...)
}

// A Preloader preloads at a pace that suits a fleet whose processes start together. The
// zero Preloader preloads at once, as the function [Preload] does.
type Preloader struct {
	// Jitter is the longest delay of the first request; the delay is drawn at random. The
	// default is 0, and a negative Jitter counts as 0. A positive one must be at least 1
	// ms.
	Jitter time.Duration
	// Interval is the least time between the starts of two requests, also after an outage. The
	// probes of a source that is down don't wait for it. The default is 0, and a negative
	// Interval counts as 0. A positive one must be at least 1 ms.
	Interval time.Duration
	// Retry makes Preload wait out an outage. Secrets that failed with an error that
	// [IsTransient] are tried again, as soon as the cache's back-off allows it. The tries
	// end when all secrets are there, when ctx is done, or when the remaining errors are
	// not transient. The error is that of the last try. By default Preload tries once.
	Retry bool
}

// Preload is like the function [Preload].
func (p Preloader) Preload(ctx context.Context, handles ...Handle) error {
	if ctx == nil {
		ctx = context.Background()
	}
	if err := errors.Join(units.Check("Preloader.Jitter", p.Jitter), units.Check("Preloader.Interval", p.Interval)); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidConfig, err)
	}
	errs := p.once(ctx, handles)
	for p.Retry && p.pause(ctx, handles, errs) {
		p.retry(ctx, handles, errs)
	}
	return errors.Join(errs...)
}

// retry preloads the handles with transient errors again.
func (p Preloader) retry(ctx context.Context, handles []Handle, errs []error) {
	var failed []Handle
	var at []int
	for i, err := range errs {
		if IsTransient(err) {
			failed, at = append(failed, handles[i]), append(at, i)
		}
	}
	p.Jitter = 0
	for i, err := range p.once(ctx, failed) {
		if err == nil || ctx.Err() == nil { // after the end of ctx, the earlier error says more
			errs[at[i]] = err
		}
	}
}

// minRetryDelay is the least time between two tries of a Preloader, even without a
// back-off.
const minRetryDelay = 100 * time.Millisecond

// pause waits until the handles with transient errors can be tried again. It reports false
// if there are none, or if ctx has ended.
func (p Preloader) pause(ctx context.Context, handles []Handle, errs []error) bool {
	delay := time.Duration(-1)
	for i, err := range errs {
		if !IsTransient(err) {
			continue
		}
		if after := retryIn(handles[i], err); delay < 0 || after < delay {
			delay = after
		}
	}
	if delay < 0 || ctx.Err() != nil {
		return false
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// retryIn returns when a read of h, which has failed with err, may fetch again. The error has
// the delay as it was when the fetch failed, which may be a while ago.
func retryIn(h Handle, err error) time.Duration {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.RetryIn == 0 {
		return minRetryDelay
	}
	switch known := h.Status(); known.State {
	case status.Refused, status.Stale:
		return max(minRetryDelay, min(e.RetryIn, time.Until(known.NextFetch)))
	}
	return minRetryDelay
}

// once preloads handles, and returns the error of each.
func (p Preloader) once(ctx context.Context, handles []Handle) []error {
	errs := make([]error, len(handles))
	of := map[*engine.Cache][]int{} // the indices of each cache's handles
	entries := make([]*engine.Entry, len(handles))
	byDefault := sync.OnceValues(func() (*engine.Cache, error) { return defaultNow(ctx) })
	for i, h := range handles {
		if h == nil {
			errs[i] = ErrZeroHandle
			continue
		}
		e, err := h.resolve(ctx, byDefault)
		if err != nil {
			errs[i] = err
			continue
		}
		entries[i] = e
		of[e.Cache()] = append(of[e.Cache()], i)
	}
	wait := p.pace()
	var running sync.WaitGroup
	for c, indices := range of {
		running.Go(func() {
			same := make([]*engine.Entry, len(indices))
			for at, i := range indices {
				same[at] = entries[i]
			}
			snaps, failures := c.GetAll(ctx, same, wait)
			for at, i := range indices {
				errs[i] = &Error{Ref: secret.Ref{ID: handles[i].ID()}, Err: errNotSettled}
				var settled sync.WaitGroup // the user's code may end the goroutine below
				settled.Go(func() { errs[i] = handles[i].decodeFor(ctx, snaps[at], failures[at]) })
				settled.Wait()
			}
		})
	}
	running.Wait()
	return errs
}

var errNotSettled = errors.New("a codec or a method of the type ended the goroutine that decoded it, by runtime.Goexit")

// pace returns the function that waits before each request of one preload, or nil if p has no pace.
// A preload with a nil pace does not wait for the requests of another preload that has one.
func (p Preloader) pace() func(context.Context) error {
	if p.Jitter <= 0 && p.Interval <= 0 {
		return nil
	}
	return (&pace{interval: max(p.Interval, 0), next: time.Now().Add(world.UpTo(max(p.Jitter, 0)))}).wait
}

// A pace keeps a time between requests.
type pace struct {
	interval time.Duration

	mu   sync.Mutex // guards next
	next time.Time  // when the next request may start
}

func (p *pace) wait(ctx context.Context) error {
	p.mu.Lock()
	now := time.Now()
	start := p.next
	if start.Before(now) {
		start = now
	}
	p.next = start.Add(p.interval)
	p.mu.Unlock()
	if start.Equal(now) {
		return nil
	}
	timer := time.NewTimer(start.Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ended(ctx)
	}
}

// resolve returns the entry that s reads. If s follows the default cache, it is in the cache
// of byDefault.
func (s *Secret[T]) resolve(ctx context.Context, byDefault func() (*engine.Cache, error)) (*engine.Entry, error) {
	if err := s.Err(); err != nil {
		return nil, err
	}
	bind := byDefault
	if !s.dec.set.followsDefault() {
		bind = func() (*engine.Cache, error) { return s.dec.set.bind(ctx) }
	}
	c, err := bind()
	if err != nil {
		return nil, &Error{Ref: s.ref(), Err: err}
	}
	return s.entryIn(c)
}

// decodeFor decodes the snapshot that was looked up for s. It returns the error that Get would
// return.
func (s *Secret[T]) decodeFor(ctx context.Context, snap *engine.Snapshot, err error) error {
	if err != nil {
		return err
	}
	v, err := s.viewOf(ctx, snap)
	if err != nil {
		return err
	}
	_, err = s.dec.pointer(ctx, v)
	return err
}
