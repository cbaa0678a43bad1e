package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/internal/observed"
	"github.com/typedsecret/typedsecret/secret"
)

func TestAWrongSettingIsAnErrorThatSaysWhatWouldBeRight(t *testing.T) {
	for _, test := range []struct {
		name string
		cfg  engine.Config
		says []string
	}{
		{"TTL", engine.Config{TTL: -time.Second}, []string{"TTL is -1s", "positive, or 0 for 1h0m0s"}},
		{"FetchTimeout", engine.Config{FetchTimeout: -1}, []string{"FetchTimeout is -1ns", "positive, or 0 for 10s"}},
		{"TTL without a unit", engine.Config{TTL: 300}, []string{"TTL is 300ns", "at least 1ms", "did you mean 300 * time.Second?"}},
		{"TTL in milliseconds without a unit", engine.Config{TTL: 300_000}, []string{"TTL is 300µs", "at least 1ms"}},
		{"FetchTimeout without a unit", engine.Config{FetchTimeout: 10}, []string{"FetchTimeout is 10ns", "10 * time.Second"}},
		{"MaxRefreshWait without a unit", engine.Config{MaxRefreshWait: 2}, []string{"MaxRefreshWait is 2ns", "2 * time.Second"}},
		{"MinRefreshInterval without a unit", engine.Config{MinRefreshInterval: 1}, []string{"MinRefreshInterval is 1ns", "1 * time.Second"}},
		{"Backoff.Base without a unit", engine.Config{Backoff: backoff.Policy{Base: 5}}, []string{"Backoff", "Base is 5ns", "5 * time.Second"}},
		{"Backoff.Max without a unit", engine.Config{Backoff: backoff.Policy{Base: time.Second, Max: 60}}, []string{"Backoff", "Max is 60ns", "60 * time.Second"}},
		{"MaxSize negative", engine.Config{MaxSize: -1}, []string{"MaxSize is -1", "1 to 16777216, or 0 for 1024"}},
		{"MaxSize huge", engine.Config{MaxSize: 1<<24 + 1}, []string{"MaxSize is 16777217", "1 to 16777216, or 0 for 1024"}},
		{"Backoff.Growth", engine.Config{Backoff: backoff.Policy{Growth: 0.5}}, []string{"Backoff", "Growth is 0.5", "at least 1, or 0 for 2"}},
		{"Backoff.Growth negative", engine.Config{Backoff: backoff.Policy{Growth: -2}}, []string{"Growth is -2", "at least 1"}},
		{"Backoff.Growth NaN", engine.Config{Backoff: backoff.Policy{Growth: math.NaN()}}, []string{"Growth is NaN", "at least 1"}},
		{"Backoff.Growth Inf", engine.Config{Backoff: backoff.Policy{Growth: math.Inf(1)}}, []string{"Growth is +Inf", "at least 1"}},
		{"Backoff.Max negative", engine.Config{Backoff: backoff.Policy{Max: -1}}, []string{"Max is -1ns", "positive, or 0 for 1h0m0s"}},
		{
			"Backoff.Max under Base",
			engine.Config{Backoff: backoff.Policy{Base: time.Minute, Max: time.Second}},
			[]string{"Max is 1s and Base 1m0s", "Max must be at least Base"},
		},
		{"Backoff.Max under the default Base", engine.Config{Backoff: backoff.Policy{Max: time.Millisecond}}, []string{"Max is 1ms and Base 1s"}},
		{"Backoff.Jitter", engine.Config{Backoff: backoff.Policy{Jitter: 3}}, []string{"Jitter is 3", "FullJitter, EqualJitter or NoJitter"}},
		{"DefaultStage too long", engine.Config{DefaultStage: strings.Repeat("s", 257)}, []string{"DefaultStage", "257 characters", "at most 256"}},
		{"DefaultStage with a newline", engine.Config{DefaultStage: "AWSCURRENT\n"}, []string{"DefaultStage", "control character at byte 10"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := engine.New(serving(), test.cfg)
			if c != nil || !errors.Is(err, engine.ErrInvalidConfig) {
				t.Fatalf("got %v, %v", c, err)
			}
			for _, want := range test.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
			if again := test.cfg.Validate(); again == nil || again.Error() != err.Error() {
				t.Errorf("New: %v; Validate: %v", err, again)
			}
		})
	}
}

func TestSettingsAtTheirBoundsAreFine(t *testing.T) {
	for name, cfg := range map[string]engine.Config{
		"zero": {},
		"smallest": {
			MaxSize: 1, TTL: time.Millisecond, FetchTimeout: time.Millisecond, MaxRefreshWait: time.Millisecond,
			MinRefreshInterval: time.Millisecond, DefaultStage: "s",
			Backoff: backoff.Policy{Base: time.Millisecond, Growth: 1, Max: time.Millisecond, Jitter: backoff.NoJitter},
		},
		"off": {MaxRefreshWait: -1, MinRefreshInterval: -1, Backoff: backoff.Policy{Base: -1}},
		"largest": {
			TTL: math.MaxInt64, FetchTimeout: math.MaxInt64, MaxRefreshWait: math.MaxInt64, MinRefreshInterval: math.MaxInt64,
			DefaultStage: strings.Repeat("s", 256),
			Backoff:      backoff.Policy{Base: math.MaxInt64, Growth: math.MaxFloat64, Max: math.MaxInt64},
		},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := serving("db")
				c := open(t, s, cfg)
				if name == "smallest" {
					s.take(0) // a fetch within 1 ns of virtual time
				}
				get(t, c, "db")
				time.Sleep(time.Hour)
				get(t, c, "db")
				s.fail(errDown)
				time.Sleep(time.Hour)
				get(t, c, "db")
				if _, err := c.Refresh(t.Context(), ref("other")); err == nil {
					t.Error("no error")
				}
			})
		})
	}
}

func TestANilHookOrObserverIsAnError(t *testing.T) {
	for name, cfg := range map[string]engine.Config{
		"Hook is a nil *engine_test.keyless":  {Hook: (*keyless)(nil)},
		"Observer is a nil *observed.Journal": {Observer: (*observed.Journal)(nil)},
		"Observer is a nil hook.ObserverFunc": {Observer: hook.ObserverFunc(nil)},
	} {
		if c, err := engine.New(serving(), cfg); c != nil || !errors.Is(err, engine.ErrInvalidConfig) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
}

type mapSource map[string]secret.Value

func (m mapSource) Fetch(context.Context, secret.Ref) (secret.Value, error) { return m["db"], nil }

func TestNoSourceIsAnError(t *testing.T) {
	var (
		pointer *service
		fn      secret.SourceFunc
		m       mapSource
	)
	for name, source := range map[string]secret.Source{"nil": nil, "nil pointer": pointer, "nil func": fn, "nil map": m} {
		if c, err := engine.New(source, engine.Config{}); c != nil || !errors.Is(err, engine.ErrInvalidConfig) || !strings.Contains(err.Error(), "source is nil") {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
	if c, err := engine.New(mapSource{}, engine.Config{}); err != nil {
		t.Error(err)
	} else {
		c.Close()
	}
}

func TestACachePrintsNothingOfWhatItHolds(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := open(t, serving("db"), engine.Config{})
		snap := snapshot(t, c, "db")
		for what, v := range map[string]any{"Cache": c, "Snapshot(db@AWSCURRENT v1 [REDACTED])": snap, "Snapshot(none)": (*engine.Snapshot)(nil)} {
			for _, text := range printed(v) {
				if text != what {
					t.Errorf("got %s, want %s", text, what)
				}
			}
		}
	})
}

// printed returns what each verb makes of v.
func printed(v any) (all []string) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		all = append(all, fmt.Sprintf(verb, v))
	}
	return all
}
