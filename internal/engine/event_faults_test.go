package engine_test

import (
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
)

// TestAnEventWhoseFetchIsGivenUpIsNotLost: it had queued for a place when the source went down.
func TestAnEventWhoseFetchIsGivenUpIsNotLost(t *testing.T) {
	virtual(t, func(t *testing.T) {
		const n = 100
		s, c := holding(t, n, engine.Config{EventSpread: -1})
		s.hang()
		for i := range n { // more than there are places
			s.rotate(nameOf(i), "v2")
			handleEvent(t, c, current(nameOf(i), "v2"))
		}
		time.Sleep(5 * time.Minute)
		s.mend()
		time.Sleep(5 * time.Minute)
		for i := range n {
			wantGet(t, c, nameOf(i), nameOf(i)+" v2")
		}
	})
}
