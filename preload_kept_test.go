package typedsecret_test

import (
	"testing"
	"testing/synctest"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
)

// TestPreloadTakesAValueThatTheHandleKeptForOneThatIsThere: its error is of those whose
// Get would fail.
func TestPreloadTakesAValueThatTheHandleKeptForOneThatIsThere(t *testing.T) {
	for _, preloadFirst := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			source := storing("a", "1", "b", "1")
			with := typedsecret.WithCache(open(t, source, evicting))
			a, b := typedsecret.New[int]("a", with), typedsecret.New[int]("b", with)
			wantGet(t, a, 1)
			wantGet(t, b, 1) // evicts a
			source.fail(cache.ErrUnavailable)
			if !preloadFirst {
				wantGet(t, a, 1)
			}
			if err := typedsecret.Preload(t.Context(), a); err != nil {
				t.Errorf("Get first: %v: %v", !preloadFirst, err)
			}
			wantGet(t, a, 1)
		})
	}
}
