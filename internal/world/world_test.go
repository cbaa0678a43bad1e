package world_test

import (
	"math"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/world"
)

func TestUpToReachesBothEndsAndNoFurther(t *testing.T) {
	for _, d := range []time.Duration{0, 1, time.Second, math.MaxInt64 - 1, math.MaxInt64} {
		for chance, want := range map[uint64]time.Duration{0: 0, math.MaxUint64: d} {
			stop := world.Simulate(&world.Simulation{Chance: func() uint64 { return chance }})
			if got := world.UpTo(d); got != want {
				t.Errorf("with the chance %d, UpTo(%d) is %d, want %d", chance, d, got, want)
			}
			stop()
		}
	}
}

func TestASimulationSetsTheClocksUntilItIsStopped(t *testing.T) {
	start := time.Now()
	s := &world.Simulation{}
	stop := world.Simulate(s)
	s.Wall.Store(int64(-240 * time.Hour))
	s.Mono.Store(int64(240 * time.Hour))
	wall, mono := world.Clocks(start)
	if wall > start.UnixNano() || mono < int64(240*time.Hour) {
		t.Errorf("wall is %v off, mono %v", time.Duration(wall-start.UnixNano()), time.Duration(mono))
	}
	stop()
	if wall, mono = world.Clocks(start); wall < start.UnixNano() || mono > int64(240*time.Hour) {
		t.Error("the simulation was stopped, and goes on")
	}
}
