package engine_test

import (
	"slices"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/notify"
	"github.com/typedsecret/typedsecret/secret"
)

// TestAnEventIsOfTheStagesThatItNames, whichever of them is the default, and of all if it names none.
func TestAnEventIsOfTheStagesThatItNames(t *testing.T) {
	held := []string{"AWSCURRENT", "AWSPREVIOUS", "AWSPENDING", "BLUE", "GREEN"}
	for _, usual := range held {
		for _, id := range signerIDs {
			for _, x := range []struct {
				event notify.Event
				want  []string
			}{
				{notify.Event{Kind: notify.LabelMoved, Stages: []string{"AWSCURRENT"}, VersionID: "new"}, []string{"AWSCURRENT", "AWSPREVIOUS"}},
				{notify.Event{Kind: notify.LabelMoved, Stages: []string{"BLUE"}, VersionID: "new"}, []string{"BLUE"}},
				{notify.Event{Kind: notify.ValuePut, Stages: []string{"BLUE", "GREEN"}, VersionID: "new"}, []string{"BLUE", "GREEN"}},
				{notify.Event{Kind: notify.LabelMoved, Stages: []string{"BLUE"}}, []string{"BLUE"}},
				{notify.Event{Kind: notify.RotationAbandoned}, []string{"AWSPENDING"}},
				{notify.Event{Kind: notify.RotationFailed}, nil},
				{notify.Event{Kind: notify.Restored}, held},
				{notify.Event{Kind: notify.Missed}, held},
			} {
				virtual(t, func(t *testing.T) {
					s := serving(id)
					c := open(t, s, engine.Config{DefaultStage: usual})
					handle := entryOf(c, secret.Ref{ID: id, Stage: "GREEN"}) // its name alone finds it
					for _, stage := range held {
						if _, err := c.Get(t.Context(), secret.Ref{ID: id, Stage: stage}); err != nil {
							t.Error(err)
						}
					}
					before := s.count()
					if x.event.ARN = signerARN; x.event.Kind == notify.Missed {
						x.event.ARN = ""
					}
					handleEvent(t, c, x.event)
					time.Sleep(time.Minute)
					var got []string
					s.set(func(s *service) {
						for _, call := range s.calls[before:] {
							got = append(got, call.ref.Stage)
						}
					})
					slices.Sort(got)
					want := slices.Sorted(slices.Values(x.want))
					if got = slices.Compact(got); !slices.Equal(got, want) {
						t.Errorf("default %s, %s, %+v: fetched %v, want %v", usual, handle.Snapshot().Ref(), x.event, got, want)
					}
				})
			}
		}
	}
}
