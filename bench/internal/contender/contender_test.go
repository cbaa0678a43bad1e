package contender_test

import (
	"context"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/contender"
	"github.com/typedsecret/typedsecret/bench/internal/source"
)

func TestPayloadIsWhatTheFiguresAreAbout(t *testing.T) {
	for size, want := range map[int]int{0: source.PayloadSize, 4096: 4096} {
		if got := len(source.Payload(12, size)); got != want {
			t.Errorf("a payload of size %d has %d bytes", size, got)
		}
	}
}

// TestEveryContenderDoesTheWholeJob: a single Get and the loop, by handle and by ID, return
// the five fields. After Refresh they return the new ones.
func TestEveryContenderDoesTheWholeJob(t *testing.T) {
	ids := []string{"prod/db-0", "prod/db-1", "prod/db-2"}
	for _, c := range contender.All() {
		t.Run(c.Name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			var src source.Source
			s, err := c.Open(ctx, contender.Config{Source: &src, IDs: ids})
			must(t, err)
			defer s.Close()
			h, err := s.Handle(ctx, ids[0])
			must(t, err)
			check := func(version int) {
				t.Helper()
				v, err := h.Get(ctx)
				must(t, err)
				if v.Version() != version || source.Use(&v) != source.Sum {
					t.Errorf("the handle returned %+v, want version %d", v, version)
				}
				sum, err := h.Loop(ctx, 2500)
				must(t, err)
				if sum != 2500*source.Sum {
					t.Errorf("the handle's loop summed up to %d, want %d", sum, 2500*source.Sum)
				}
			}
			check(0)
			checkByID(t, ctx, s, ids)
			checkRounds(t, ctx, s, h, ids)
			version := src.Rotate()
			if err := s.Refresh(ctx, ids[0]); err == nil {
				check(version)
			} else if _, cannot := contender.Reason(err); !cannot {
				t.Errorf("Refresh: %v", err)
			}
		})
	}
}

func checkByID(t *testing.T, ctx context.Context, s contender.Store, ids []string) {
	t.Helper()
	v, err := s.Get(ctx, ids[1])
	if reason, cannot := contender.Reason(err); cannot {
		t.Log("not by ID:", reason)
		return
	}
	must(t, err)
	if source.Use(&v) != source.Sum {
		t.Errorf("by ID %+v came", v)
	}
	sum, err := s.Loop(ctx, ids)
	must(t, err)
	if sum != len(ids)*source.Sum {
		t.Errorf("the loop over IDs summed up to %d, want %d", sum, len(ids)*source.Sum)
	}
}

func checkRounds(t *testing.T, ctx context.Context, s contender.Store, h contender.Handle, ids []string) {
	t.Helper()
	rounds := []contender.Round{contender.RoundByID(s, ids)}
	if r, err := contender.RoundByHandle([]contender.Handle{h, h, h}); err == nil {
		rounds = append(rounds, r)
	}
	for _, r := range rounds {
		r.Shuffle()
		sum, err := r.Loop(ctx)
		must(t, err)
		if err == nil && sum != len(ids)*source.Sum {
			t.Errorf("a round over %d secrets summed up to %d, want %d", len(ids), sum, len(ids)*source.Sum)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if _, cannot := contender.Reason(err); err != nil && !cannot {
		t.Fatal(err)
	}
}
