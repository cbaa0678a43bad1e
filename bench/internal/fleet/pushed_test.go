package fleet_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/fleet"
)

func TestASmallFleetIsToldOfRotations(t *testing.T) {
	const n = 20
	for _, c := range []fleet.Carrier{{Bus: 500 * time.Millisecond, Hop: 100 * time.Millisecond}, {Bus: 5 * time.Second, Hop: 100 * time.Millisecond}} {
		var p *fleet.Pushed
		synctest.Test(t, func(*testing.T) { p = fleet.PlayPushed(c, n) })
		if len(p.Told)+len(p.Untold) != n*fleet.PushedRotations || len(p.Untold) > n*fleet.PushedRotations/10 {
			t.Errorf("%d rotations were told, %d not", len(p.Told), len(p.Untold))
		}
		if first, last := p.Told[0], p.Told[len(p.Told)-1]; first < 0 || last < c.Bus || last > 10*time.Second {
			t.Errorf("new versions came after %v to %v", first, last)
		}
		text, met := fleet.PushedTable([]*fleet.Pushed{p})
		if !met || !strings.Contains(text, "met)") {
			t.Error(text)
		}
	}
}
