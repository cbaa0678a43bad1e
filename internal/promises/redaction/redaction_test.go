// Package redaction looks for secrets in everything that the library prints, and in
// everything that its errors wrap.
package redaction_test

import (
	"context"
	"crypto/aes"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/internal/handletest"
	"github.com/typedsecret/typedsecret/internal/observed"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/awssm"
)

// hidden is the secret. It looks random, so that no four bytes of it occur by chance.
const hidden = "Zq7Xw9Kv3Jp5Ym8Qg2Hz6Rk4Vx"

type password struct {
	User     string `json:"user"`
	Password string `json:"password"`
}

type passwordList struct {
	Passwords []string `json:"passwords"`
}

func (l passwordList) Clone() passwordList {
	return passwordList{append([]string(nil), l.Passwords...)}
}

const (
	hiddenJSON = `{"user":"app","password":"` + hidden + `"}`
	hiddenList = `{"passwords":["` + hidden + `"]}`
)

// still runs a test in which no goroutine and no timer runs once the test has waited.
// Looking into live objects by reflection needs that.
func still(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// reader is a handle of any T.
type reader[T any] interface {
	Get(ctx context.Context) (T, error)
	GetWithInfo(ctx context.Context) (T, typedsecret.Info, error)
}

func readAll[T any](t *testing.T, s reader[T]) typedsecret.Info {
	t.Helper()
	for range 20 {
		handletest.Must[T](t)(s.Get(t.Context()))
	}
	_, info, err := s.GetWithInfo(t.Context())
	if err != nil {
		t.Error(err)
	}
	return info
}

// TestHandlesShowNoSecret looks at warm handles, in all kinds of places and over all kinds
// of caches.
func TestHandlesShowNoSecret(t *testing.T) {
	for name, cfg := range map[string]cache.Config{"plain": {}, "hook": {Hook: handletest.Flip{}}} {
		t.Run(name, func(t *testing.T) {
			still(t, func(t *testing.T) {
				source := handletest.Storing("json", hiddenJSON, "list", hiddenList, "text", hidden)
				c := handletest.Open(t, source, cfg)
				handletest.SetDefault(t, c)
				text := typedsecret.New[string]("text")
				object := typedsecret.New[password]("json", typedsecret.WithCache(c), typedsecret.WithCodec(codec.JSON{}))
				cloned := typedsecret.New[passwordList]("list")
				afresh := typedsecret.New[map[string]string]("json")
				shared := typedsecret.New[*password]("json", typedsecret.WithShared())
				raw := typedsecret.New[[]byte]("text")
				byID := typedsecret.NewByID[password]()
				infos := []typedsecret.Info{
					readAll(t, text), readAll(t, object), readAll(t, cloned), readAll(t, afresh), readAll(t, shared), readAll(t, raw),
				}
				handletest.Must[password](t)(byID.Get(t.Context(), "json"))
				synctest.Wait()

				for _, things := range [][]any{
					wrapped(text), wrapped(object), wrapped(cloned), wrapped(afresh), wrapped(shared), wrapped(raw), wrapped(byID), wrapped(&infos),
					{struct{ *typedsecret.Secret[string] }{text}, struct{ *typedsecret.ByID[password] }{byID}},
					{object.Get, object.Refresh, byID.Get, typedsecret.Inject(text, func(context.Context, string, int) (int, error) { return 0, nil })},
					{typedsecret.WithCache(c), typedsecret.WithShared()},
				} {
					wantSilent(t, hidden, things...)
				}
			})
		})
	}
}

// TestRejectedVersionsShowNoSecret: the handle then holds the last good version and an
// error.
func TestRejectedVersionsShowNoSecret(t *testing.T) {
	still(t, func(t *testing.T) {
		source, events := handletest.Storing("json", hiddenJSON), &observed.Journal{}
		cfg := handletest.Eager()
		cfg.Observer = events
		c := handletest.Open(t, source, cfg)
		handle := typedsecret.New[password]("json", typedsecret.WithCache(c))
		readAll(t, handle)
		source.Put("json", `{"user":"`+hidden+``)
		_, err := handle.Refresh(t.Context())
		_, info, _ := handle.GetWithInfo(t.Context())
		if err == nil || info.DecodeErr == nil {
			t.Fatal(err, info.DecodeErr)
		}
		synctest.Wait()
		wantSilent(t, hidden, wrapped(handle)...)
		wantSilent(t, hidden, wrapped(&info)...)
		wantSilent(t, hidden, err, info.DecodeErr)
		wantSilentEvents(t, events)
	})
}

func wantSilentEvents(t *testing.T, events *observed.Journal) {
	t.Helper()
	for _, e := range observed.Of[hook.Event](events) {
		wantSilent(t, hidden, e, &e)
		switch e := e.(type) {
		case hook.FetchFailed:
			wantSilent(t, hidden, e.Err)
		case hook.ServedStale:
			wantSilent(t, hidden, e.Err)
		case hook.DecodeFailed:
			wantSilent(t, hidden, e.Err)
		}
	}
	wantSilent(t, hidden, observed.Of[hook.Event](events))
}

// TestCacheShowsNoSecret looks at the Cache and at everything that it returns.
func TestCacheShowsNoSecret(t *testing.T) {
	for name, h := range map[string]hook.Hook{"plain": nil, "hook": handletest.Flip{}} {
		t.Run(name, func(t *testing.T) {
			still(t, func(t *testing.T) {
				source := handletest.Storing("text", hidden, "json", hiddenJSON)
				binary := secret.BinaryPayload([]byte(hidden))
				text := secret.StringPayload(hidden)
				cfg := cache.Config{Hook: h, Observer: &observed.Journal{}, MaxSize: 1}
				c := handletest.Open(t, source, cfg)
				value, err := c.Get(t.Context(), secret.Ref{ID: "text"})
				if err != nil || value.Payload.Reveal() != hidden {
					t.Fatal(err)
				}
				snap, err := (*engine.Cache)(c).Lookup(t.Context(), secret.Ref{ID: "text"})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := c.Get(t.Context(), secret.Ref{ID: "json"}); err != nil { // evicts the other secret
					t.Fatal(err)
				}
				metadata := snap.Metadata()
				synctest.Wait()
				for _, things := range [][]any{
					wrapped(&value), wrapped(&value.Payload), wrapped(&binary), wrapped(&text), wrapped(c), wrapped(snap),
					wrapped(&metadata), wrapped(&cfg),
					{struct{ secret.Value }{value}, struct{ secret.Payload }{text}, struct{ *cache.Cache }{c}, struct{ *engine.Snapshot }{snap}},
					{value.Payload.Reveal, value.Payload.Bytes, snap.Value, text.Equal},
				} {
					wantSilent(t, hidden, things...)
				}
			})
		})
	}
}

// TestRestOfTheAPIShowsNoSecret looks at codecs, policies, sources, and the fake server.
func TestRestOfTheAPIShowsNoSecret(t *testing.T) {
	still(t, func(t *testing.T) {
		server := secrettest.New(t)
		server.Seed(t, "text", hidden)
		server.SeedBinary(t, "binary", []byte(hidden))
		server.Rotate(t, "text", hidden+"2")
		fault := secrettest.Fault{Effect: secrettest.CorruptBody(), Times: 1, Skip: 100}
		server.Fail(t, fault)
		source, err := awssm.New(handletest.Client(server))
		if err != nil {
			t.Fatal(err)
		}
		value, err := source.Fetch(t.Context(), secret.Ref{ID: "text"})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		requests, policy := server.Requests(), backoff.Policy{}
		call := codec.Func(func([]byte) (string, error) { return hidden, nil })
		for _, things := range [][]any{
			wrapped(source), wrapped(&value), wrapped(&requests), wrapped(&policy), wrapped(&fault), wrapped(&call),
			{codec.JSON{}, codec.Text{}, codec.Bytes{}, codec.PEM{}, codec.For[password](), secret.Ref{ID: "text"}, secret.ARN{}},
		} {
			wantSilent(t, hidden, things...)
		}
		wantSilent(t, hidden, wrapped(server)...)
		wantSilent(t, hidden, struct{ *secrettest.Server }{server}, server.Client(), server.Transport())
	})
}

// quoting is an error that quotes its input, as those of decoders do.
type quoting struct{ Quoted string }

func (e *quoting) Error() string { return "can't use " + e.Quoted }

// A saboteur is a hook that quotes its input.
type saboteur struct {
	put, get func(quoted string) error
}

func (s saboteur) Put(_ context.Context, _ hook.Item, secret []byte) ([]byte, error) {
	if s.put != nil {
		return nil, s.put(string(secret))
	}
	return append([]byte(nil), secret...), nil
}

func (s saboteur) Get(_ context.Context, _ hook.Item, stored []byte) ([]byte, error) {
	if s.get != nil {
		return nil, s.get(string(stored))
	}
	return append([]byte(nil), stored...), nil
}

// TestErrorsOfHooksAndSourcesShowNoSecret tries errors that they return and errors with
// which they panic.
func TestErrorsOfHooksAndSourcesShowNoSecret(t *testing.T) {
	quote := func(s string) error { return fmt.Errorf("hook: %w", &quoting{s}) }
	panics := func(s string) error { panic(s) }
	panicsError := func(s string) error { panic(&quoting{s}) }
	panicsStruct := func(s string) error { panic(struct{ S string }{s}) }
	tooShort := func(s string) error { _, err := aes.NewCipher([]byte(s[:5])); return errors.Join(err, &quoting{s}) }
	for name, f := range map[string]func(string) error{
		"error": quote, "panic": panics, "panic with an error": panicsError, "panic with a struct": panicsStruct, "joined": tooShort,
	} {
		for method, h := range map[string]saboteur{"Put": {put: f}, "Get": {get: f}} {
			t.Run(method+" "+name, func(t *testing.T) {
				still(t, func(t *testing.T) { wantSilentFailure(t, handletest.Storing("k", hidden), cache.Config{Hook: h}) })
			})
		}
		if name == "error" || name == "joined" {
			continue // the source is responsible for the errors that it returns
		}
		t.Run("source "+name, func(t *testing.T) {
			source := secret.SourceFunc(func(context.Context, secret.Ref) (secret.Value, error) {
				return secret.Value{}, f(hidden)
			})
			still(t, func(t *testing.T) { wantSilentFailure(t, source, cache.Config{}) })
		})
	}
}

func wantSilentFailure(t *testing.T, source secret.Source, cfg cache.Config) {
	t.Helper()
	events := &observed.Journal{}
	cfg.Observer = events
	with := typedsecret.WithCache(handletest.Open(t, source, cfg))
	handle, byID := typedsecret.New[string]("k", with), typedsecret.NewByID[string](with)
	_, err := handle.Get(t.Context())
	_, errRefresh := handle.Refresh(t.Context())
	_, info, errInfo := handle.GetWithInfo(t.Context())
	_, errByID := byID.Get(t.Context(), "k")
	synctest.Wait()
	for _, err := range []error{err, errRefresh, errInfo, errByID} {
		if err == nil {
			t.Fatal("no error")
		}
		if _, ok := errors.AsType[*quoting](err); ok {
			t.Error("the error that quotes the secret can be reached")
		}
		wantSilent(t, hidden, err)
	}
	wantSilent(t, hidden, info, handle, byID)
	wantSilentEvents(t, events)
}
