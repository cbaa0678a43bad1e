package engine_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

func previousOf(id string) secret.Ref { return secret.Ref{ID: id, Stage: "AWSPREVIOUS"} }

// A staging is a Source of one secret, whose version n is AWSCURRENT and n-1 AWSPREVIOUS. It
// reads the version when its call begins, and answers after what takes says.
type staging struct {
	*service
	version int
	takes   map[string]time.Duration // by stage
}

func (s *staging) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	var n int
	var takes time.Duration
	s.set(func(service *service) {
		service.calls = append(service.calls, call{ref, time.Now()})
		n, takes = s.version, s.takes[ref.Stage]
	})
	if ref.Stage == "AWSPREVIOUS" {
		n--
	}
	time.Sleep(takes)
	v := fmt.Sprint("k", n)
	return secret.Value{Payload: secret.StringPayload(v), Name: ref.ID, VersionID: v, Stages: []string{ref.Stage}}, nil
}

func (s *staging) rotate(takes map[string]time.Duration) {
	s.set(func(*service) { s.version++; s.takes = takes })
}

// wantStages gets both stages.
func wantStages(t *testing.T, c *engine.Cache, current, previous string) {
	t.Helper()
	for ref, want := range map[secret.Ref]string{ref("db"): current, previousOf("db"): previous} {
		v, err := c.Get(t.Context(), ref)
		if got := v.Payload.Reveal(); err != nil || string(got) != want {
			t.Errorf("%v is %s, %v, want %s", ref, got, err, want)
		}
	}
}

// TestAStageThatWasReadBeforeTheMoveMovesToo: its answer may have been on its way while the
// other stage was seen to move.
func TestAStageThatWasReadBeforeTheMoveMovesToo(t *testing.T) {
	for name, row := range map[string]struct {
		isKnown bool
		takes   time.Duration // the fetch of AWSPREVIOUS; that of AWSCURRENT takes 3 s
	}{
		"refresh, before the other's answer": {true, 2 * time.Second},
		"refresh, after the other's answer":  {true, 9 * time.Second},
		"first, before the other's answer":   {false, 2 * time.Second},
		"first, after the other's answer":    {false, 9 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := &staging{service: serving(), version: 1}
				c := open(t, s, engine.Config{NoRefreshAhead: true})
				get(t, c, "db")
				if row.isKnown {
					wantStages(t, c, "k1", "k0")
				}
				s.set(func(*service) { s.takes = map[string]time.Duration{"AWSPREVIOUS": row.takes} })
				go c.Refresh(t.Context(), previousOf("db"))
				time.Sleep(time.Second)
				s.rotate(map[string]time.Duration{"AWSCURRENT": 3 * time.Second})
				go c.Refresh(t.Context(), ref("db"))
				time.Sleep(9 * time.Second)
				wantStages(t, c, "k2", "k1")
				wantStages(t, c, "k2", "k1") // one look more at what moved first, if it was read first
				calls := s.count()
				time.Sleep(10 * time.Minute)
				wantStages(t, c, "k2", "k1")
				wantCalls(t, s.service, calls)
			})
		})
	}
}

// TestASecondMoveIsSeenByBothStages: also if one of them was not read since the first move.
func TestASecondMoveIsSeenByBothStages(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &staging{service: serving(), version: 1}
		c := open(t, s, engine.Config{})
		wantStages(t, c, "k1", "k0")
		time.Sleep(time.Second)
		s.rotate(nil)
		refresh(t, c, "db", "k2")
		s.rotate(nil)
		for range 2 {
			if _, err := c.Get(t.Context(), previousOf("db")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		wantStages(t, c, "k3", "k2")
	})
}

// TestTwoMovesWithinASecondAreSeenByBothStages, whichever of them is refreshed first.
func TestTwoMovesWithinASecondAreSeenByBothStages(t *testing.T) {
	for name, first := range map[string]secret.Ref{"AWSCURRENT first": ref("db"), "AWSPREVIOUS first": previousOf("db")} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := &staging{service: serving(), version: 1}
				c := open(t, s, engine.Config{NoRefreshAhead: true})
				wantStages(t, c, "k1", "k0")
				time.Sleep(time.Minute)
				s.rotate(nil)
				if _, err := c.Refresh(t.Context(), first); err != nil {
					t.Fatal(err)
				}
				s.rotate(nil)
				s.rotate(nil)
				for range 2 { // each follows the other
					for _, ref := range []secret.Ref{ref("db"), previousOf("db")} {
						if _, err := c.Get(t.Context(), ref); err != nil {
							t.Fatal(err)
						}
						time.Sleep(100 * time.Millisecond)
					}
				}
				time.Sleep(time.Second)
				wantStages(t, c, "k4", "k3")
				calls := s.count()
				time.Sleep(time.Minute)
				wantStages(t, c, "k4", "k3")
				wantCalls(t, s.service, calls)
			})
		})
	}
}

// TestStagesThatWereEvictedTakeNoMemory: also if none of the secrets ever moves.
func TestStagesThatWereEvictedTakeNoMemory(t *testing.T) {
	s := serving()
	c := open(t, s, engine.Config{MaxSize: 4})
	for i := range 10_000 {
		s.set(func(s *service) { s.versions = map[string]string{nameOf(i): "v1"} })
		if _, err := c.Get(t.Context(), previousOf(nameOf(i))); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.Staged(); n > 128 {
		t.Errorf("%d are noted", n)
	}
}

// TestAnIDIsNeverReadAsAnIDAndAStage: whatever is in it.
func TestAnIDIsNeverReadAsAnIDAndAStage(t *testing.T) {
	c := open(t, serving("db"), engine.Config{MaxSize: 1})
	e := entryOf(c, previousOf("db"))
	if _, err := e.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantErr(t, c, "db\x00AWSPREVIOUS\x00", secret.ErrInvalidRef)
	if _, err := c.Entry(ref("db\x00AWSPREVIOUS\x00")); err == nil {
		t.Error("it is a handle's")
	}
}
