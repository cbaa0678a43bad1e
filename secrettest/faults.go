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

// Fault says what goes wrong, and with which requests. The zero value of a field sets no
// limit: Fault{Effect: Throttling()} throttles all requests until it is stopped.
//
// A fault with a SecretID matches a batch that lists the secret by ID, but not a batch that
// finds it by filters. AccessDenied and DecryptionFailure are an exception: in a batch they
// affect single secrets, also those that were found by filters, without the Latency.
type Fault struct {
	Operation string // such as "GetSecretValue"; any if empty
	SecretID  string // a name or ARN, which need not exist yet; any if empty
	Skip      int    // the number of matching requests that pass before the first one is affected
	Times     int    // the number of requests that are affected; 0 means all until the fault is stopped

	// Latency is the delay before the request is carried out, or before the Effect.
	Latency time.Duration

	// Effect is what goes wrong. If it is zero, the fault has only its Latency.
	Effect Effect
}

// Fail makes requests fail as the fault says. The fault ends when stop is called, when it
// has affected its number of Times, or when the test is over. If several faults match a
// request, their latencies add up, and the request gets the effect of the fault that was
// injected first. The other faults don't count that request.
func (s *Server) Fail(t testing.TB, f Fault) (stop func()) {
	t.Helper()
	stop, err := s.Inject(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return stop
}

// Inject is like Fail, for programs.
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

// faultList has the faults of a server.
type faultList struct {
	store *store // finds secrets by ID; its lock is taken first

	mu   sync.Mutex // guards list and its counts
	list []*active
}

// active is a fault that is in force.
type active struct {
	Fault
	seen    int           // the matching requests so far
	stopped chan struct{} // closed by stop
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

// matches reports whether a fault matches a request. Both locks must be held: the secret of
// the fault's ARN may be created after the fault.
func (l *faultList) matches(a *active, op string, ids []string) bool {
	return (a.Operation == "" || a.Operation == op) &&
		(a.SecretID == "" || slices.Contains(ids, l.store.name(a.SecretID)))
}

// inEntries reports whether a fault affects single entries of a request, and not the whole
// request. That is so if the effect is about single secrets and the request is a batch.
func (a *active) inEntries(op string) bool {
	return a.Effect.entry && a.SecretID != "" && op == "BatchGetSecretValue"
}

// matchesEntry reports whether such a fault affects any of these secrets.
func (l *faultList) matchesEntry(a *active, ids []string) bool {
	return l.matches(a, "BatchGetSecretValue", ids) || l.matches(a, "GetSecretValue", ids)
}

// due reports whether the fault affects the next request that matches.
func (a *active) due() bool {
	return a.seen >= a.Skip && (a.Times == 0 || a.seen < a.Skip+a.Times)
}

// take counts a request that the fault matches, and reports whether the fault affects it.
func (a *active) take() bool {
	if a.Times > 0 && a.seen >= a.Skip+a.Times {
		return false
	}
	a.seen++
	return a.seen > a.Skip
}

// plan says what goes wrong with one request.
type plan struct {
	err    *apiError           // the answer in place of the operation's result
	alter  func([]byte) []byte // changes the body of the answer
	cut    cut
	skew   time.Duration // the offset of the server's clock
	hang   bool
	header http.Header // the request's, as are the rest
	op     string
	ids    []string
}

// plan returns what goes wrong with a request, after the latencies have passed. It returns
// an error if the client has given up or the server was closed meanwhile.
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

// pick counts a request for the faults that match it. It returns the fault whose effect the
// request gets, or nil, and the sum of all latencies.
func (l *faultList) pick(req *request) (hit *active, latency time.Duration) {
	l.store.mu.Lock()
	defer l.store.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.list {
		hits := false
		switch {
		case a.inEntries(req.op): // the method entry counts it
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

// entry returns the error of a fault for one secret of a batch, if there is one. It is
// called with the store's lock held.
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
