package httpsecret_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/httpsecret"
	"github.com/typedsecret/typedsecret/secrettest"
)

// latency is the time that the API of a revoked takes for an answer.
const latency = 20 * time.Millisecond

// A revoked is an API that refuses the key for good, and its client.
type revoked struct {
	t   *testing.T
	api *api
	rt  http.RoundTripper
}

func newRevoked(t *testing.T, opts ...typedsecret.Option) *revoked {
	t.Helper()
	manager, c := secrettest.NewCache(t)
	manager.Seed(t, "prod/token", "revoked")
	a := &api{valid: "Bearer other"}
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(latency)
		a.ServeHTTP(w, r)
	})
	return &revoked{t, a, httpsecret.BearerToken("http://api", token(c, opts...), memory{slow})}
}

// ask makes n requests at once and returns how many the API saw, and how long it took.
func (r *revoked) ask(n int) (requests int, took time.Duration) {
	before, _ := r.api.requests()
	began := time.Now()
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			if code, text := roundTrip(r.t, r.rt, "GET", "http://api/", nil); code != 401 || text != "who are you?" {
				r.t.Errorf("got %d, %q", code, text)
			}
		})
	}
	all.Wait()
	after, _ := r.api.requests()
	return len(after) - len(before), time.Since(began)
}

// TestAKeyThatIsRevokedForGoodCostsFewRequests: all requests share the repeats. After a
// retry budget that brought no new version, no request is repeated.
func TestAKeyThatIsRevokedForGoodCostsFewRequests(t *testing.T) {
	for _, test := range []struct {
		name        string
		atOnce      int
		first, next int // requests that the API sees
	}{
		{"one request", 1, 5, 1},
		{"50 at once", 50, 54, 50},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRevoked(t)
				n, took := r.ask(test.atOnce)
				if n != test.first || took != typedsecret.DefaultRetryBudget+latency {
					t.Errorf("the API saw %d requests in %v; want %d", n, took, test.first)
				}
				for range 5 {
					time.Sleep(time.Second)
					if n, took := r.ask(test.atOnce); n != test.next || took != latency {
						t.Errorf("later it saw %d requests in %v; want %d", n, took, test.next)
					}
				}
			})
		})
	}
}

// TestOneRequestThatIsAnswered401HoldsUpNoOther: other requests are sent while it is
// repeated.
func TestOneRequestThatIsAnswered401HoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manager, c := secrettest.NewCache(t)
		manager.Seed(t, "prod/token", "good")
		rt := httpsecret.BearerToken("http://api", token(c), memory{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(latency)
			if r.URL.Path == "/forbidden" {
				w.WriteHeader(http.StatusUnauthorized)
			}
		})})
		var bad sync.WaitGroup
		for range 3 {
			bad.Go(func() {
				if code, _ := roundTrip(t, rt, "GET", "http://api/forbidden", nil); code != 401 {
					t.Errorf("got %d", code)
				}
			})
		}
		for range 400 {
			began := time.Now()
			if code, _ := roundTrip(t, rt, "GET", "http://api/", nil); code != 200 || time.Since(began) != latency {
				t.Errorf("got %d after %v", code, time.Since(began))
			}
		}
		bad.Wait()
	})
}

// TestWithABoundARequestMayNotBeSent: a request that the bound stops has an error that says
// so.
func TestWithABoundARequestMayNotBeSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRevoked(t, typedsecret.WithMaxRejections(4), typedsecret.WithRetryBudget(0))
		for range 3 {
			r.ask(1)
		}
		request, _ := http.NewRequestWithContext(context.Background(), "GET", "http://api/", nil)
		resp, err := r.rt.RoundTrip(request)
		if resp != nil || !errors.Is(err, typedsecret.ErrRejected) {
			t.Errorf("got %v, %v", resp, err)
		}
		if seen, _ := r.api.requests(); len(seen) != 3 {
			t.Errorf("the API saw %d requests", len(seen))
		}
	})
}

// An unreliable API refuses every other request, and does not answer the others.
type unreliable struct{ refused, failed int }

func (u *unreliable) RoundTrip(*http.Request) (*http.Response, error) {
	if u.failed == u.refused {
		u.failed++
		return nil, errors.New("connection reset by peer")
	}
	u.refused++
	return &http.Response{StatusCode: http.StatusUnauthorized, Body: http.NoBody}, nil
}

// TestAFailureIsNoAcceptance: a failed request does not reset the count of a bound.
func TestAFailureIsNoAcceptance(t *testing.T) {
	manager, c := secrettest.NewCache(t)
	manager.Seed(t, "prod/token", "revoked")
	base := new(unreliable)
	rt := httpsecret.BearerToken("http://api", token(c, typedsecret.WithMaxRejections(4), typedsecret.WithRetryBudget(0)), base)
	for range 20 {
		r, _ := http.NewRequestWithContext(t.Context(), "GET", "http://api/", nil)
		if resp, err := rt.RoundTrip(r); err == nil {
			resp.Body.Close()
		}
	}
	if base.refused != 3 {
		t.Errorf("the API refused %d requests", base.refused)
	}
}
