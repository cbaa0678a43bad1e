package proof_test

import (
	"testing"

	"github.com/typedsecret/typedsecret/integration/pgtest"
	"github.com/typedsecret/typedsecret/integration/proof"
)

// TestPushesSpareRefusedLogins: with alternating users, a service that hears of each rotation
// has no credential that the next one makes invalid.
func TestPushesSpareRefusedLogins(t *testing.T) {
	scenario := proof.PushedScenarios[len(proof.PushedScenarios)-1]
	results, err := proof.RunPushed(t.Context(), pgtest.New(t), scenario, 3)
	if err != nil {
		t.Fatal(err)
	}
	refused := map[bool]int{}
	for n, r := range results {
		isPushed := n%2 == 1
		refused[isPushed] += r.Refused
		t.Logf("%s: %d logins refused, %d queries retried, the longest took %v; %d calls", r.Contender, r.Refused, r.Retried, r.Longest, r.Calls)
		for _, miss := range r.Misses() {
			t.Errorf("%s: %s", r.Contender, miss)
		}
	}
	if refused[true] >= refused[false] {
		t.Errorf("%d logins were refused with pushes, and %d without", refused[true], refused[false])
	}
}
