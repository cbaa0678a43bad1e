package hook_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/secret"
)

// textLog returns a logger without the time, which writes to w.
func textLog(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

var db = hook.Secret{ID: "prod/db", Stage: "AWSCURRENT", VersionID: "v2"}

func TestALongOutageIsAFewLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		o := hook.Log(textLog(&out, slog.LevelInfo))
		down := hook.Secret{ID: db.ID, Stage: db.Stage}
		for i := range 100 {
			o.Observe(t.Context(), hook.FetchFailed{Secret: down, Err: secret.ErrUnavailable, Failures: i + 1, RetryIn: time.Second})
			o.Observe(t.Context(), hook.ServedStale{Secret: db, Age: time.Hour, Err: secret.ErrUnavailable})
			time.Sleep(time.Second)
		}
		o.Observe(t.Context(), hook.Fetched{Secret: db, Took: time.Millisecond})
		o.Observe(t.Context(), hook.Fetched{Secret: db, Took: time.Millisecond})
		o.Observe(t.Context(), hook.FetchFailed{Secret: down, Err: secret.ErrThrottled, Failures: 1})
		want := `level=WARN msg="secret can't be fetched" secret=prod/db stage=AWSCURRENT version="" class=unavailable err="service unavailable" failures=1 retry_in=1s took=0s
level=WARN msg="secret is stale" secret=prod/db stage=AWSCURRENT version=v2 age=1h0m0s class=unavailable err="service unavailable"
level=INFO msg="secret is fetched again" secret=prod/db stage=AWSCURRENT version=v2 down_for=1m40s took=1ms
level=WARN msg="secret can't be fetched" secret=prod/db stage=AWSCURRENT version="" class=throttled err=throttled failures=1 retry_in=0s took=0s
`
		if out.String() != want {
			t.Errorf("got\n%s", &out)
		}
	})
}

func TestEachEventIsOneLineWithTheSameKeys(t *testing.T) {
	var out bytes.Buffer
	o := hook.Log(textLog(&out, slog.LevelDebug))
	events := []hook.Event{
		hook.Fetched{Secret: db},
		hook.Rotated{Secret: db, From: "v1"},
		hook.FetchFailed{Secret: db},
		hook.ServedStale{Secret: db},
		hook.Evicted{Secret: db},
		hook.DecodeFailed{Secret: db},
		hook.Rejected{Secret: db},
	}
	for _, e := range events {
		o.Observe(t.Context(), e)
	}
	o.Observe(t.Context(), hook.SealedFileFailed{Path: "/p", Err: errors.New("x")})
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != len(events)+1 {
		t.Fatalf("%d lines of %d events", len(lines), len(events)+1)
	}
	for _, line := range lines[:len(events)] {
		if !strings.Contains(line, " secret=prod/db stage=AWSCURRENT version=v2") {
			t.Error(line)
		}
	}
}

func TestWhatLogRemembersIsBounded(t *testing.T) {
	var out bytes.Buffer
	o := hook.Log(textLog(&out, slog.LevelWarn))
	for round := range 2 {
		for i := range 20000 {
			o.Observe(t.Context(), hook.FetchFailed{Secret: hook.Secret{ID: fmt.Sprint(i)}})
		}
		if n := strings.Count(out.String(), "\n"); n != 20000*(round+1) {
			t.Errorf("%d lines after round %d", n, round)
		}
	}
}

// TestTheFirstFailureWarns also if a stale value came before it, in a refresh that hung.
func TestTheFirstFailureWarns(t *testing.T) {
	var out bytes.Buffer
	o := hook.Log(textLog(&out, slog.LevelWarn))
	o.Observe(t.Context(), hook.ServedStale{Secret: db, Err: secret.ErrTimeout})
	o.Observe(t.Context(), hook.FetchFailed{Secret: db, Err: secret.ErrTimeout, Failures: 1})
	o.Observe(t.Context(), hook.FetchFailed{Secret: db, Err: secret.ErrTimeout, Failures: 2})
	o.Observe(t.Context(), hook.ServedStale{Secret: db, Err: secret.ErrTimeout})
	if n := strings.Count(out.String(), "\n"); n != 2 {
		t.Errorf("%d lines:\n%s", n, &out)
	}
}

// TestAHandlerGetsNoError, since it might print what the error wraps.
func TestAHandlerGetsNoError(t *testing.T) {
	l := slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if err, ok := a.Value.Any().(error); ok {
			t.Errorf("%s is a %T", a.Key, err)
		}
		return a
	}}))
	o := hook.Log(l)
	for _, e := range []hook.Event{hook.FetchFailed{Err: io.EOF}, hook.ServedStale{Err: io.EOF}, hook.DecodeFailed{Err: io.EOF}, hook.SealedFileFailed{Err: io.EOF}} {
		o.Observe(t.Context(), e)
	}
}

type panics struct{}

func (panics) Observe(context.Context, hook.Event) { panic("boom") }

func TestJoinTellsAll(t *testing.T) {
	var got []string
	named := func(name string) hook.Observer {
		return hook.ObserverFunc(func(context.Context, hook.Event) { got = append(got, name) })
	}
	hook.Join(named("a"), nil, named("b")).Observe(t.Context(), hook.Evicted{})
	var none *panics
	hook.Join(none, hook.ObserverFunc(nil)).Observe(t.Context(), hook.Evicted{})
	hook.Join().Observe(t.Context(), hook.Evicted{})
	func() {
		defer func() { _ = recover() }()
		hook.Join(panics{}, named("c")).Observe(t.Context(), hook.Evicted{})
	}()
	if s := strings.Join(got, ""); s != "abc" {
		t.Errorf("told: %s", s)
	}
}

// traced is an observer that adds a letter to the context of a fetch.
type traced string

func (traced) Observe(context.Context, hook.Event) {}

func (l traced) BeginFetch(ctx context.Context, _ hook.Secret) context.Context {
	switch {
	case l == "panic":
		panic("boom")
	case l == "nil":
		return nil
	}
	before, _ := ctx.Value(trace{}).(string)
	return context.WithValue(ctx, trace{}, before+string(l))
}

type trace struct{}

func TestJoinPassesOnTheContextOfAFetch(t *testing.T) {
	for want, o := range map[string]hook.Observer{
		"ab":  hook.Join(traced("a"), hook.ObserverFunc(func(context.Context, hook.Event) {}), traced("panic"), traced("nil"), traced("b")),
		"abc": hook.Join(hook.Join(traced("a"), traced("b")), traced("c")),
		"":    hook.Join(),
	} {
		ctx := o.(hook.FetchObserver).BeginFetch(t.Context(), db)
		if got, _ := ctx.Value(trace{}).(string); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func ExampleLog() {
	o := hook.Log(textLog(exampleOutput{}, slog.LevelInfo)) // mostly hook.Log(slog.Default())
	o.Observe(context.Background(), hook.Rotated{Secret: db, From: "v1"})
	// Output: level=INFO msg="secret rotated" secret=prod/db stage=AWSCURRENT version=v2 from=v1
}

// exampleOutput is where an Example's output is read.
type exampleOutput struct{}

func (exampleOutput) Write(b []byte) (int, error) { return fmt.Print(string(b)) }

func ExampleJoin() {
	say := func(name string) hook.Observer {
		return hook.ObserverFunc(func(_ context.Context, e hook.Event) { fmt.Printf("%s: %T\n", name, e) })
	}
	hook.Join(say("logs"), say("metrics")).Observe(context.Background(), hook.Evicted{})
	// Output:
	// logs: hook.Evicted
	// metrics: hook.Evicted
}

// TestAnOutageOfManySecretsIsOneWarningEach, also of more than Log remembers.
func TestAnOutageOfManySecretsIsOneWarningEach(t *testing.T) {
	const many = 20000
	var out bytes.Buffer
	o := hook.Log(textLog(&out, slog.LevelWarn))
	for round := range 3 {
		for i := range many {
			s := hook.Secret{ID: fmt.Sprint(i), Stage: "AWSCURRENT"}
			o.Observe(t.Context(), hook.FetchFailed{Secret: s, Err: secret.ErrAccessDenied, Failures: round + 1})
			o.Observe(t.Context(), hook.ServedStale{Secret: s, Err: secret.ErrAccessDenied})
		}
	}
	if n := strings.Count(out.String(), "\n"); n != 2*many {
		t.Errorf("%d lines for %d secrets", n, many)
	}
}

// TestPinnedVersionsFailByThemselves: one that is fetched says nothing of another.
func TestPinnedVersionsFailByThemselves(t *testing.T) {
	var out bytes.Buffer
	o := hook.Log(textLog(&out, slog.LevelInfo))
	for i := range 3 {
		o.Observe(t.Context(), hook.FetchFailed{Secret: hook.Secret{ID: "prod/db", VersionID: "v1"}, Err: secret.ErrNotFound, Failures: i + 1})
		o.Observe(t.Context(), hook.Fetched{Secret: hook.Secret{ID: "prod/db", VersionID: "v2"}})
	}
	if n := strings.Count(out.String(), "\n"); n != 1 || strings.Contains(out.String(), "again") {
		t.Errorf("%d lines:\n%s", n, &out)
	}
}
