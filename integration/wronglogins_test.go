package integration_test

import (
	"fmt"
	"testing"

	"github.com/typedsecret/typedsecret/integration/pgtest"
	"github.com/typedsecret/typedsecret/integration/wronglogins"
)

// TestWrongLoginsInTheWindowOfARotation checks the numbers that the command wronglogins
// prints. A real server counts them.
func TestWrongLoginsInTheWindowOfARotation(t *testing.T) {
	db := pgtest.New(t)
	for _, s := range wronglogins.Settings() {
		if s.Pool == "pgxsecret" && s.Goroutines > 8 {
			continue // only the command measures it, since a test has less time
		}
		t.Run(fmt.Sprintf("%s/%s/left behind %v/%d", s.Pool, s.Options, s.LeftBehind, s.Goroutines), func(t *testing.T) {
			t.Parallel()
			r, err := wronglogins.Measure(t.Context(), db, s)
			must(t, err)
			if r.Wrong == 0 {
				t.Error("no login was wrong: the rotation went unnoticed")
			}
			if most := r.Most(); r.Wrong > most {
				t.Errorf("%d wrong logins, want %d at most, with %d under way at once", r.Wrong, most, r.AtOnce)
			}
			if r.Failed > 0 && !s.FailsFast {
				t.Errorf("%d of %d queries failed, the first with: %v", r.Failed, r.Queries, r.Err)
			}
		})
	}
}
