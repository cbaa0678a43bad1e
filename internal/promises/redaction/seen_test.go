package redaction_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/handletest"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/status"
	"github.com/typedsecret/typedsecret/statuspage"
)

// seen is all that an operator can look at.
type seen struct {
	cache   *cache.Cache
	set     typedsecret.Set
	log     bytes.Buffer
	counts  hook.Counts
	history statuspage.History
}

// show returns everything as text.
func (s *seen) show() []string {
	all := []string{s.log.String(), s.counts.String(), fmt.Sprintf("%+v", s.counts.Totals()), fmt.Sprint(s.set.Ready(time.Minute), s.set.Ready(0))}
	c, handles := s.cache.Status(), s.set.Status()
	for _, v := range []any{c, handles, c.States(), c.Backends} {
		text, err := json.Marshal(v)
		all = append(all, string(text), fmt.Sprintf("%+v %#v %v", v, v, err))
	}
	page := statuspage.New(statuspage.Config{
		Sets: []*typedsecret.Set{&s.set}, Caches: []*cache.Cache{s.cache}, History: &s.history, Refresh: true,
		Allow: func(*http.Request) bool { return true },
	})
	for target, h := range map[string]http.Handler{"/": page, "/?format=json": page, "/?format=text": page, "/readyz": s.set.ReadyHandler(time.Minute)} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
		all = append(all, w.Body.String(), fmt.Sprint(w.Header()))
	}
	return all
}

// TestNothingThatAnOperatorSeesShowsASecret: logs, counts, statuses, the page and readiness,
// through all that a secret may go through.
func TestNothingThatAnOperatorSeesShowsASecret(t *testing.T) {
	still(t, func(t *testing.T) {
		s := &seen{}
		source := handletest.Storing("json", hiddenJSON, "text", hidden)
		cfg := handletest.Eager()
		log := slog.New(slog.NewJSONHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		cfg.Observer = hook.Join(hook.Log(log), &s.counts, &s.history)
		s.cache = handletest.Open(t, source, cfg)
		s.set.Options = []typedsecret.Option{typedsecret.WithCache(s.cache), typedsecret.WithRetryBudget(0)}
		object := typedsecret.New[password]("json", typedsecret.WithSet(&s.set))
		text := typedsecret.New[string]("text", typedsecret.WithSet(&s.set))

		for _, step := range []struct {
			name, sees string
			do         func()
		}{
			{"read", `"state":"fresh"`, func() { _ = s.set.Preload(t.Context()) }},
			{"rotated", `"rotations":1`, func() { source.Put("text", hidden+"2"); _, _ = text.Refresh(t.Context()) }},
			{"undecodable", `"undecodable_version"`, func() {
				source.Put("json", `{"user":"app","password":["`+hidden+`"]}`)
				_, _ = object.Refresh(t.Context())
			}},
			{"rejected", `"rejections":`, func() {
				_ = text.Do(t.Context(), func(_ context.Context, v string) error { return typedsecret.Rejected(errors.New("no")) })
			}},
			{"outage", `"down":true`, func() {
				source.Fail(secret.ErrUnavailable)
				time.Sleep(3 * time.Hour)
				_ = s.set.Preload(t.Context())
			}},
			{"closed", `"state":"` + string(status.Closed) + `"`, func() { s.cache.Close() }},
		} {
			step.do()
			synctest.Wait()
			all := s.show()
			if leak := searchForms(all, hidden); leak != "" {
				t.Errorf("%s: the secret is seen: %s", step.name, leak)
			}
			if !bytes.Contains([]byte(fmt.Sprint(all)), []byte(step.sees)) {
				t.Errorf("%s: no %s in %s", step.name, step.sees, all)
			}
		}
	})
}
