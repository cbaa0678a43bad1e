package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/statuspage"
)

// Secrets are the secrets of the service. Set.Fill makes the handles.
type Secrets struct {
	Signing *typedsecret.Secret[[]byte] `secret:"signing"`
	Mail    *typedsecret.Secret[Mail]   `secret:"mail"`
}

// Mail has the settings of the mail server.
type Mail struct {
	Host     string `json:"host"`
	Password string `json:"password"`
}

// A service issues tokens and checks them. It reads its secrets by handles, so a test can
// give it other ones.
type service struct {
	http.Handler
	set     typedsecret.Set
	secrets Secrets
	ending  atomic.Bool // whether the service is shutting down
}

// maxAge is the age of a secret from which the service is not ready. It is longer than the
// longest outage that the service should survive.
const maxAge = 24 * time.Hour

// newService makes a service that reads its secrets from c. It makes no request.
func newService(c *cache.Cache, prefix string, history *statuspage.History) (*service, error) {
	s := &service{}
	s.set.Prefix, s.set.Options = prefix, []typedsecret.Option{typedsecret.WithCache(c)}
	if err := s.set.Fill(&s.secrets); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /tokens", s.issue)
	mux.HandleFunc("GET /whoami", s.whoami)
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("/debug/secrets", statuspage.New(statuspage.Config{
		Title: "service", Sets: []*typedsecret.Set{&s.set}, Caches: []*cache.Cache{c}, History: history, Refresh: true,
	}))
	s.Handler = mux
	return s, nil
}

// preload fetches all secrets. It waits for the end of an outage for up to a minute.
func (s *service) preload(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return typedsecret.Preloader{Retry: true}.Preload(ctx, s.set.Handles()...)
}

// ready reports to the load balancer whether the service takes requests. It does so also in
// an outage of Secrets Manager, as long as it has the secrets.
func (s *service) ready(w http.ResponseWriter, r *http.Request) {
	if s.ending.Load() {
		http.Error(w, "the service is ending", http.StatusServiceUnavailable)
		return
	}
	s.set.ReadyHandler(maxAge).ServeHTTP(w, r)
}

// issue returns a token for a user, signed with the current key.
func (s *service) issue(w http.ResponseWriter, r *http.Request) {
	user := r.FormValue("user")
	key, err := s.secrets.Signing.Get(r.Context())
	switch {
	case user == "" || strings.Contains(user, "."):
		http.Error(w, "user is to be a name without a dot", http.StatusBadRequest)
	case err != nil:
		http.Error(w, "no key to sign with", http.StatusServiceUnavailable)
	default:
		fmt.Fprintln(w, user+"."+sign(user, key))
	}
}

// whoami returns the user of a token. A token that was signed before the last rotation is
// valid too.
func (s *service) whoami(w http.ResponseWriter, r *http.Request) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	user, signature, _ := strings.Cut(token, ".")
	keys, err := s.secrets.Signing.Versions(r.Context())
	if err != nil {
		http.Error(w, "no key to check with", http.StatusServiceUnavailable)
		return
	}
	for _, key := range keys {
		if hmac.Equal([]byte(signature), []byte(sign(user, key))) {
			fmt.Fprintln(w, user)
			return
		}
	}
	http.Error(w, "the token is not ours", http.StatusUnauthorized)
}

// sign returns the signature of a user's name.
func sign(user string, key []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(user))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
