package proof

import (
	"testing"
	"time"
)

// TestCallsThatBringNothingNewAreBounded: without a bound, a service that calls Secrets
// Manager all the time would pass too.
func TestCallsThatBringNothingNewAreBounded(t *testing.T) {
	window := Scenario{Window: 2 * time.Second}
	for _, test := range []struct {
		name    string
		pending bool
		calls   int // the calls that brought nothing new, in 50 rotations
		misses  int
	}{
		{"one each second", false, 150, 0},
		{"more often", false, 151, 1},
		{"one each second, for AWSPENDING too", true, 300, 0},
		{"more often, for AWSPENDING too", true, 301, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := Result{
				Ours: true, Pending: test.pending, Rotations: 50,
				Calls: 51 + test.calls, BackoffCalls: test.calls, MostBackoffCalls: window.backoffCalls(50, test.pending),
			}
			if misses := r.Misses(); len(misses) != test.misses {
				t.Errorf("misses: %q", misses)
			}
		})
	}
}

// TestTroubleCountsWhereItIs: only some of the rotations may have trouble.
func TestTroubleCountsWhereItIs(t *testing.T) {
	s := Scenario{Lasting: 2 * time.Second, Every: 5}
	if got, want := s.backoffCalls(50, false), 40*1+10*3; got != want {
		t.Errorf("%d calls, want %d", got, want)
	}
}
