package httpsecret_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/httpsecret"
	"github.com/typedsecret/typedsecret/secrettest"
)

// TestAKeyInAnyHeaderIsSentAgainAfterItsOwnRefusal: an API that takes X-Api-Key and answers 403
// to one that was rotated.
func TestAKeyInAnyHeaderIsSentAgainAfterItsOwnRefusal(t *testing.T) {
	var valid atomic.Value
	valid.Store("first")
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Api-Key") != valid.Load() || r.Header.Get("Authorization") != "" {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer api.Close()
	server, c := secrettest.NewCache(t)
	server.Seed(t, "key", "first")
	key := typedsecret.New[string]("key", typedsecret.WithCache(c))
	set := func(h http.Header, key string) { h.Set("X-Api-Key", key) }
	status := func(opts ...httpsecret.Option) int {
		client := &http.Client{Transport: httpsecret.Header(api.URL, key, set, nil, opts...)}
		r, err := client.Get(api.URL)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		return r.StatusCode
	}
	if got := status(); got != http.StatusOK {
		t.Errorf("before the rotation: %d", got)
	}
	valid.Store("second")
	server.Rotate(t, "key", "second")
	if got := status(); got != http.StatusForbidden {
		t.Errorf("without the option a 403 is an answer: %d", got)
	}
	refused := httpsecret.WithRefused(func(r *http.Response) bool { return r.StatusCode == http.StatusForbidden })
	if got := status(refused); got != http.StatusOK {
		t.Errorf("with it: %d", got)
	}
	if _, err := (&http.Client{Transport: httpsecret.Header[string](api.URL, key, nil, nil)}).Get(api.URL); err == nil {
		t.Error("a nil function is no error")
	}
}

func ExampleHeader() {
	var key *typedsecret.Secret[string] // typedsecret.New[string]("prod/partner")
	client := &http.Client{Transport: httpsecret.Header("https://api.example.com", key,
		func(h http.Header, key string) { h.Set("X-Api-Key", key) }, nil)}
	_ = client
	// Output:
}

func ExampleWithRefused() {
	var key *typedsecret.Secret[string] // typedsecret.New[string]("prod/partner")
	client := &http.Client{Transport: httpsecret.BearerToken("https://api.example.com", key, nil,
		httpsecret.WithRefused(func(r *http.Response) bool {
			return r.StatusCode == http.StatusUnauthorized || r.StatusCode == http.StatusForbidden
		}))}
	_ = client
	// Output:
}
