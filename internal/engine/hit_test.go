package engine_test

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

func TestTheFirstGetFetchesAndTheNextDoNot(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{})
		wantCalls(t, s, 0) // New does no I/O
		for range 1000 {
			wantGet(t, c, "db", "db v1")
		}
		wantCalls(t, s, 1)
	})
}

// TestAWarmReadReadsNoClockAndTellsNobody though there is an Observer, and after a Status.
func TestAWarmReadReadsNoClockAndTellsNobody(t *testing.T) {
	virtual(t, func(t *testing.T) {
		var reads, events int
		cfg := engine.Config{Observer: hook.ObserverFunc(func(context.Context, hook.Event) { events++ })}
		cfg.SetClock(func(start time.Time) (wall, mono int64) {
			reads++
			now := time.Now()
			return now.UnixNano(), int64(now.Sub(start))
		})
		c := open(t, serving("db"), cfg)
		snap := snapshot(t, c, "db")
		c.Status()
		wantGet(t, c, "db", "db v1")
		hadReads, hadEvents := reads, events
		for range 1000 {
			wantGet(t, c, "db", "db v1") // by ID
			if !snap.Fresh() {           // all that a handle asks
				t.Fatal("not fresh")
			}
		}
		if reads != hadReads || events != hadEvents {
			t.Errorf("the clock was read %d times, and the observer called %d times", reads-hadReads, events-hadEvents)
		}
	})
}

func TestAThousandGoroutinesOnAColdSecretMakeOneCall(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		s.take(time.Second)
		c := open(t, s, engine.Config{})
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() { wantGet(t, c, "db", "db v1") })
		}
		wg.Wait()
		wantCalls(t, s, 1)
	})
}

// The source answers at once. So some readers see the secret missing or due to be refreshed,
// and come to fetch it when another reader has just done that.
func TestReadersThatComeTooLateToFetchGetWhatWasFetched(t *testing.T) {
	for name, test := range map[string]struct {
		ids  []string
		read func(*engine.Cache, context.Context, secret.Ref) (secret.Value, error)
		most int // fetches
	}{
		"Get":           {[]string{"db"}, (*engine.Cache).Get, 1},
		"Get of a typo": {nil, (*engine.Cache).Get, 1},
		// A Refresh during the first fetch needs one that begins later, at the end of
		// the interval.
		"Refresh":           {[]string{"db"}, (*engine.Cache).Refresh, 2},
		"Refresh of a typo": {nil, (*engine.Cache).Refresh, 2},
	} {
		t.Run(name, func(t *testing.T) {
			for range 100 {
				virtual(t, func(t *testing.T) {
					s := serving(test.ids...)
					c := open(t, s, engine.Config{Backoff: every(time.Millisecond)})
					var wg sync.WaitGroup
					for range 20 {
						wg.Go(func() {
							_, err := test.read(c, t.Context(), ref("db"))
							if errors.Is(err, secret.ErrNotFound) != (test.ids == nil) {
								t.Errorf("got %v", err)
							}
						})
					}
					wg.Wait()
					if n := s.count(); n < 1 || n > test.most {
						t.Errorf("%d fetches, want 1 to %d", n, test.most)
					}
				})
			}
		})
	}
}

func TestTheDefaultStageAndItsNameAreOneSecret(t *testing.T) {
	for name, test := range map[string]struct {
		cfg   engine.Config
		stage string
	}{
		"by default": {engine.Config{}, "AWSCURRENT"},
		"configured": {engine.Config{DefaultStage: "AWSPREVIOUS"}, "AWSPREVIOUS"},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := serving("db")
				s.take(time.Second)
				c := open(t, s, test.cfg)
				var wg sync.WaitGroup
				for i := range 100 {
					r := secret.Ref{ID: "db"}
					if i%2 == 0 {
						r.Stage = test.stage
					}
					wg.Go(func() {
						if _, err := c.Get(t.Context(), r); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				want := []call{{ref: secret.Ref{ID: "db", Stage: test.stage}}}
				if diff := cmp.Diff(want, s.calls, cmp.AllowUnexported(call{}), cmp.FilterPath(
					func(p cmp.Path) bool { return p.Last().String() == ".began" }, cmp.Ignore())); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestStagesAndVersionsOfOneSecretAreKeptApart(t *testing.T) {
	const pinned = "11111111-2222-3333-4444-555555555555"
	virtual(t, func(t *testing.T) {
		var seen []secret.Ref
		c := open(t, secret.SourceFunc(func(_ context.Context, r secret.Ref) (secret.Value, error) {
			seen = append(seen, r)
			return secret.Value{Payload: secret.StringPayload(r.String())}, nil
		}), engine.Config{})
		refs := []secret.Ref{
			{ID: "db"},
			{ID: "db", Stage: "AWSPREVIOUS"},
			{ID: "db", VersionID: pinned}, // no default stage is added
			{ID: "db", VersionID: pinned, Stage: "AWSCURRENT"},
		}
		want := []secret.Ref{{ID: "db", Stage: "AWSCURRENT"}, refs[1], refs[2], refs[3]}
		for range 2 {
			for i, r := range refs {
				v, err := c.Get(t.Context(), r)
				if err != nil || v.Payload.Reveal() != want[i].String() {
					t.Errorf("Get(%v) = %q, %v; want %q", r, v.Payload.Reveal(), err, want[i])
				}
			}
		}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("fetched (-want +got):\n%s", diff)
		}
	})
}

func TestStringAndBinaryAreToldApart(t *testing.T) {
	virtual(t, func(t *testing.T) {
		created := time.Date(1999, 1, 2, 3, 4, 5, 0, time.UTC)
		c := open(t, secret.SourceFunc(func(_ context.Context, r secret.Ref) (secret.Value, error) {
			v := secret.Value{ARN: "arn:x", Name: r.ID, VersionID: "v1", Stages: []string{"AWSCURRENT"}, Created: created}
			v.Payload = secret.StringPayload("text")
			if r.ID == "binary" {
				v.Payload = secret.BinaryPayload([]byte{0, 255, 10})
			}
			return v, nil
		}), engine.Config{})
		time.Sleep(time.Minute)
		for id, want := range map[string]secret.Payload{
			"string": secret.StringPayload("text"),
			"binary": secret.BinaryPayload([]byte{0, 255, 10}),
		} {
			v, err := c.Get(t.Context(), ref(id))
			if err != nil {
				t.Fatal(err)
			}
			if !v.Payload.Equal(want) || v.Payload.IsBinary() != (id == "binary") {
				t.Errorf("%s: got payload %q, binary %v", id, v.Payload.Reveal(), v.Payload.IsBinary())
			}
			v.Payload = secret.Payload{}
			if diff := cmp.Diff(secret.Value{
				ARN: "arn:x", Name: id, VersionID: "v1", Stages: []string{"AWSCURRENT"},
				Created: created, FetchedAt: time.Now(),
			}, v, cmp.Comparer(secret.Payload.Equal)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", id, diff)
			}
		}
	})
}

func TestPayloadsAreComparedByEqualAlone(t *testing.T) {
	if reflect.TypeFor[secret.Payload]().Comparable() {
		t.Error("== compiles for Payloads, and compares where they are")
	}
}

func TestAStringIsNotTheBinaryOfTheSameBytes(t *testing.T) {
	text, binary := secret.StringPayload("x"), secret.BinaryPayload([]byte("x"))
	if text.Equal(binary) || !text.Equal(secret.StringPayload("x")) || !(secret.Payload{}).Equal(secret.StringPayload("")) {
		t.Error("Equal is wrong")
	}
}

func TestWhatGetReturnsCannotCorruptWhatTheNextReturns(t *testing.T) {
	virtual(t, func(t *testing.T) {
		stages := []string{"AWSCURRENT", "mine"}
		c := open(t, secret.SourceFunc(func(context.Context, secret.Ref) (secret.Value, error) {
			return secret.Value{Payload: secret.BinaryPayload([]byte("secret")), Stages: stages}, nil
		}), engine.Config{})
		first, err := c.Get(t.Context(), ref("db"))
		if err != nil {
			t.Fatal(err)
		}
		stages[0] = "changed by the source"
		first.Stages[1] = "changed by the caller"
		clear(first.Payload.Bytes())
		snap, err := c.Lookup(t.Context(), ref("db"))
		if err != nil {
			t.Fatal(err)
		}
		snap.Metadata().Stages[0] = "changed through Metadata"
		second, err := c.Get(t.Context(), ref("db"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"AWSCURRENT", "mine"}, second.Stages); diff != "" {
			t.Errorf("Stages (-want +got):\n%s", diff)
		}
		if got := second.Payload.Reveal(); got != "secret" {
			t.Errorf("payload = %q", got)
		}
	})
}

func TestANilContextIsTakenAsBackground(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("db")
		c := open(t, s, engine.Config{})
		var none context.Context
		for range 2 {
			if v, err := c.Get(none, ref("db")); err != nil || v.VersionID != "v1" {
				t.Errorf("Get: %v, %v", v.VersionID, err)
			}
			if _, err := c.Refresh(none, ref("db")); err != nil {
				t.Errorf("Refresh: %v", err)
			}
		}
	})
}

func TestANilOrZeroCacheReturnsAnError(t *testing.T) {
	var none *engine.Cache
	for name, c := range map[string]*engine.Cache{"nil": none, "zero": {}} {
		t.Run(name, func(t *testing.T) {
			_, get := c.Get(t.Context(), ref("db"))
			_, refresh := c.Refresh(t.Context(), ref("db"))
			_, lookup := c.Lookup(t.Context(), ref("db"))
			_, now := c.LookupNow(t.Context(), ref("db"))
			for method, err := range map[string]error{
				"Get": get, "Refresh": refresh, "Lookup": lookup, "LookupNow": now, "Invalidate": c.Invalidate(ref("db")),
			} {
				var e *secret.Error
				if !errors.Is(err, engine.ErrNilCache) || !errors.As(err, &e) || e.Ref != ref("db") {
					t.Errorf("%s: %v", method, err)
				}
			}
			c.CheckNow()
			if err, n := c.Close(), c.Len(); err != nil || n != 0 {
				t.Errorf("Close: %v, Len: %d", err, n)
			}
		})
	}
}
