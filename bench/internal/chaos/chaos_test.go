package chaos_test

import (
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/bench/internal/chaos"
)

func TestRandomSequencesBreakNoPromise(t *testing.T) {
	rep := chaos.Run(t, 1, 0, 200, chaos.NoMutation)
	if rep.Failed >= 0 {
		t.Fatal(rep.Failure(1))
	}
	for _, p := range chaos.Promises {
		if rep.Checks[p] == 0 || rep.Survived[p] == 0 {
			t.Errorf("%q was checked %d times", p, rep.Checks[p])
		}
	}
	if text := rep.String(); !strings.Contains(text, "source panic") || !strings.Contains(text, "SDK: ") {
		t.Errorf("faults are missing:\n%s", text)
	}
}

func TestTheModelNoticesWhatIsBroken(t *testing.T) {
	for _, m := range chaos.Mutations {
		if rep := chaos.Run(t, 3, 0, 400, m); rep.Failed < 0 {
			t.Errorf("not noticed: %s", m)
		} else if text := rep.Failure(3); !strings.Contains(text, "-seed 3 -from") {
			t.Errorf("the failure does not say how to replay it:\n%s", text)
		}
	}
}

// TestAPromiseIsNoticedByItsName: the first violation of each mutation is that of its own
// promise.
func TestAPromiseIsNoticedByItsName(t *testing.T) {
	for mutation, promise := range map[chaos.Mutation]string{
		chaos.Throng:   "no more than 64 requests are under way",
		chaos.Earlier:  "never a value that was fetched before one that was returned",
		chaos.Stray:    "the stages of a secret move together",
		chaos.HoldBack: "a Refresh of what is refused is held back by the delay of its own kind alone",
	} {
		rep := chaos.Run(t, 3, 0, 400, mutation)
		if rep.Failed < 0 || !strings.HasPrefix(rep.Violations[0], promise+": ") {
			t.Errorf("%q: %q", mutation, rep.Violations)
		}
	}
}
