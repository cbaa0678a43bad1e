package secrettest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// Fault is something that goes wrong, and with which requests. The zero value of
// each field leaves that side open: Fault{Effect: Throttling()} throttles all
// requests until it is stopped.
//
// A fault with a SecretID matches a batch that lists the secret by ID, not one that
// finds it by filters; but AccessDenied and DecryptionFailure, which in a batch
// befall single secrets, show there too, at once.
type Fault struct {
	Operation string // such as "GetSecretValue"; any if empty
	SecretID  string // a name or ARN, there already or not; any if empty
	Skip      int    // how many requests pass before the first that is hit
	Times     int    // how many are hit; 0 means all until the fault is stopped

	// Latency passes before the request is carried out and answered, or the
	// Effect shows.
	Latency time.Duration

	// Effect is what goes wrong; none, beyond the Latency, if it is zero.
	Effect Effect
}

// Fail makes requests fail in the way that the fault says, until stop is called,
// the fault has hit its Times, or the test is over. Faults add up: a request
// takes the latencies of all that match it, and the effect of the one injected
// first. The others, whose effects did not show, have not hit by that: they don't
// count it.
func (s *Server) Fail(t testing.TB, f Fault) (stop func()) {
	t.Helper()
	stop, err := s.Inject(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return stop
}

// Inject is Fail for programs.
func (s *Server) Inject(f Fault) (stop func(), err error) {
	switch {
	case f.Operation != "" && operations[f.Operation] == nil:
		return nil, fmt.Errorf("secrettest: a fault for the operation %q, which does not exist", f.Operation)
	case f.Skip < 0 || f.Times < 0 || f.Latency < 0:
		return nil, errors.New("secrettest: a fault with a negative number")
	case f.Latency == 0 && f.Effect.change == nil:
		return nil, errors.New("secrettest: a fault without an Effect or Latency")
	case f.Effect.wrong != nil:
		return nil, f.Effect.wrong
	}
	a := &active{Fault: f, stopped: make(chan struct{})}
	l := s.faults
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, a)
	return func() { l.remove(a) }, nil
}

// faultList is what a server's requests meet.
type faultList struct {
	store *store // knows what the IDs find at the moment; its lock is taken first

	mu   sync.Mutex // guards list and the counts in it
	list []*active
}

// active is a fault that is in force.
type active struct {
	Fault
	seen    int           // matching requests so far
	stopped chan struct{} // closed when it is removed by hand
}

func (l *faultList) remove(a *active) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-a.stopped:
	default:
		close(a.stopped)
	}
	l.list = slices.DeleteFunc(l.list, func(b *active) bool { return a == b })
}

// matches wants both locks held, as the secret may be made, and its ARN begin to
// find it, after the fault.
func (l *faultList) matches(a *active, op string, ids []string) bool {
	return (a.Operation == "" || a.Operation == op) &&
		(a.SecretID == "" || slices.Contains(ids, l.store.name(a.SecretID)))
}

// inEntries reports whether a fault shows in a request's entries in place of the
// whole of it: one that befalls single secrets, and a batch.
func (a *active) inEntries(op string) bool {
	return a.Effect.entry && a.SecretID != "" && op == "BatchGetSecretValue"
}

// matchesEntry reports whether such a fault befalls any of these secrets.
func (l *faultList) matchesEntry(a *active, ids []string) bool {
	return l.matches(a, "BatchGetSecretValue", ids) || l.matches(a, "GetSecretValue", ids)
}

// due reports whether the next request that matches is hit.
func (a *active) due() bool {
	return a.seen >= a.Skip && (a.Times == 0 || a.seen < a.Skip+a.Times)
}

// take counts the request against a fault that matches it, and reports whether
// it is hit.
func (a *active) take() bool {
	if a.Times > 0 && a.seen >= a.Skip+a.Times {
		return false
	}
	a.seen++
	return a.seen > a.Skip
}

// plan is what is to go wrong with one request.
type plan struct {
	err    *apiError           // answered in place of the operation's result
	alter  func([]byte) []byte // changes the body of the answer
	cut    cut
	skew   time.Duration // of the server's clock
	hang   bool
	header http.Header // the request's, as are the rest
	op     string
	ids    []string
}

// plan finds what is to go wrong with a request and waits for as long as it
// takes. It returns an error if the client or the server has gone by then.
func (l *faultList) plan(ctx context.Context, closed <-chan struct{}, req *request, h http.Header) (*plan, error) {
	p := &plan{header: h, op: req.op, ids: req.ids}
	hit, latency := l.pick(req)
	if latency > 0 {
		timer := time.NewTimer(latency)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-closed:
			return nil, errClosed
		}
	}
	if hit == nil {
		return p, nil
	}
	hit.Effect.change(p)
	if p.hang {
		select {
		case <-hit.stopped:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-closed:
			return nil, errClosed
		}
	}
	return p, nil
}

// pick counts the request against the faults that match it and returns the one
// whose effect it takes, if any, and the latencies of all.
func (l *faultList) pick(req *request) (hit *active, latency time.Duration) {
	l.store.mu.Lock()
	defer l.store.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.list {
		hits := false
		switch {
		case a.inEntries(req.op): // entry counts it
			hits = a.due() && l.matchesEntry(a, req.ids)
		case !l.matches(a, req.op, req.ids):
		case a.Effect.change != nil && hit != nil:
			hits = a.due()
		default:
			if hits = a.take(); hits && a.Effect.change != nil {
				hit = a
			}
		}
		if hits {
			latency += a.Latency
		}
	}
	return hit, latency
}

// entry returns the error that a batch answers for one of its secrets, if a fault
// wants one. It is called with the store's lock held.
func (l *faultList) entry(name string) *apiError {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.list {
		if a.inEntries("BatchGetSecretValue") && l.matchesEntry(a, []string{name}) && a.take() {
			p := &plan{op: "GetSecretValue", ids: []string{name}}
			a.Effect.change(p)
			return p.err
		}
	}
	return nil
}

var errClosed = errors.New("secrettest: the server is closed")
