package httpsecret_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/typedsecret/typedsecret/httpsecret"
	"github.com/typedsecret/typedsecret/secrettest"
)

func TestARedirectTakesTheTokenToNoOtherOrigin(t *testing.T) {
	manager, c := secrettest.NewCache(t)
	manager.Seed(t, "prod/token", "first")
	stranger, elsewhere := serve(t, "")
	home := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer first" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	}))
	t.Cleanup(home.Close)

	client := &http.Client{Transport: httpsecret.BearerToken(home.URL, token(c), nil)}
	resp, err := client.Get(home.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if seen, _ := stranger.requests(); resp.StatusCode != 200 || len(seen) != 1 || seen[0] != "" {
		t.Errorf("got %d, and the other host saw %q", resp.StatusCode, seen)
	}
}

func TestTwoOriginsTakeTwoRoundTrippers(t *testing.T) {
	manager, c := secrettest.NewCache(t)
	manager.Seed(t, "prod/token", "first")
	_, one := serve(t, "Bearer first")
	_, two := serve(t, "Bearer first")
	rt := httpsecret.BearerToken(one.URL, token(c), httpsecret.BearerToken(two.URL, token(c), nil))
	for _, url := range []string{one.URL, two.URL} {
		if code, _ := roundTrip(t, rt, "GET", url, nil); code != 200 {
			t.Errorf("%s: got %d", url, code)
		}
	}
}

func TestWhichURLsAreOfAnOrigin(t *testing.T) {
	for _, test := range []struct {
		origin, url string
		same        bool
	}{
		{"https://api.example.com", "https://api.example.com/v1?q=1", true},
		{"https://api.example.com/", "https://API.example.com:443/", true},
		{"HTTP://localhost:8080", "http://localhost:8080", true},
		{"http://[::1]", "http://[::1]:80/", true},
		{"https://api.example.com", "http://api.example.com/", false},
		{"https://api.example.com", "https://api.example.com:8443/", false},
		{"https://api.example.com", "https://example.com/", false},
		{"https://api.example.com", "https://api.example.com.evil.org/", false},
		{"https://api.example.com", "https://api.example.com@evil.org/", false},
	} {
		manager, c := secrettest.NewCache(t)
		manager.Seed(t, "prod/token", "first")
		api := &api{}
		roundTrip(t, httpsecret.BearerToken(test.origin, token(c, budget0), memory{api}), "GET", test.url, nil)
		seen, _ := api.requests()
		if (seen[0] != "") != test.same {
			t.Errorf("origin %s: a request to %s has Authorization %q", test.origin, test.url, seen[0])
		}
	}
}
