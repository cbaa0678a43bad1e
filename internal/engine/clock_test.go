package engine

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// testClock returns a coarse clock whose system clocks a test sets.
func testClock(t *testing.T) (k *coarseClock, wall, mono *atomic.Int64) {
	k, wall, mono = new(coarseClock), new(atomic.Int64), new(atomic.Int64)
	k.init(func() instant { return instant{wall: wall.Load(), mono: mono.Load()} })
	t.Cleanup(k.close)
	return k, wall, mono
}

func TestADeadlineIsPassedByEitherClock(t *testing.T) {
	for name, step := range map[string]func(wall, mono *atomic.Int64){
		"monotonic":                 func(_, mono *atomic.Int64) { mono.Add(int64(time.Minute)) },
		"wall":                      func(wall, _ *atomic.Int64) { wall.Add(int64(time.Minute)) },
		"wall, from 1970 to now":    func(wall, _ *atomic.Int64) { wall.Add(int64(56 * 365 * 24 * time.Hour)) },
		"wall back, monotonic on":   func(wall, mono *atomic.Int64) { wall.Add(-int64(time.Hour)); mono.Add(int64(time.Minute)) },
		"monotonic back, wall on":   func(wall, mono *atomic.Int64) { mono.Add(-int64(time.Hour)); wall.Add(int64(time.Minute)) },
		"by the whole of the scale": func(wall, _ *atomic.Int64) { wall.Add(1<<63 - 1) },
	} {
		t.Run(name, func(t *testing.T) {
			k, wall, mono := testClock(t)
			k.wake()
			end := k.deadline(time.Minute)
			if end <= k.now.Load() {
				t.Fatal("a minute has no deadline")
			}
			step(wall, mono)
			k.advanceNow()
			if k.now.Load() < end {
				t.Error("the deadline is not passed")
			}
			if k.deadline(time.Minute) <= k.now.Load() {
				t.Error("after the step a minute has no deadline")
			}
		})
	}
}

func TestTheCoarseClockNeverGoesBack(t *testing.T) {
	k, wall, _ := testClock(t)
	k.wake()
	for range 100 {
		before := k.now.Load()
		wall.Add(-int64(24 * time.Hour))
		k.advanceNow()
		wall.Add(int64(24 * time.Hour))
		k.advanceNow()
		if k.now.Load() < before {
			t.Fatalf("%d after %d", k.now.Load(), before)
		}
	}
}

func TestAtTheEndOfItsScaleTheClockHasNoDeadlines(t *testing.T) {
	k, _, mono := testClock(t)
	k.wake()
	k.time = (stopped - 3) * tick
	for range 5 {
		mono.Add(int64(tick))
		k.advanceNow()
	}
	if k.now.Load() != stopped-1 || k.deadline(time.Hour) > k.now.Load() {
		t.Errorf("it reads %d, and an hour ends at %d", k.now.Load(), k.deadline(time.Hour))
	}
}

func TestATimeOfLessThanTwoTicksHasNoDeadline(t *testing.T) {
	k, _, _ := testClock(t)
	k.wake()
	for _, may := range []time.Duration{-1, 0, 1, tick, 3*tick - 1} {
		if end := k.deadline(may); end != 0 {
			t.Errorf("%v: %d", may, end)
		}
	}
	if end := k.deadline(3 * tick); end != k.now.Load()+1 {
		t.Errorf("3 ticks: %d at %d", end, k.now.Load())
	}
}

func TestAClosedClockIsNotStartedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, _, _ := testClock(t)
		k.wake()
		k.close()
		k.wake()
		time.Sleep(time.Hour)
		if k.now.Load() != stopped || k.running {
			t.Error("it runs")
		}
	})
}

// TestAReaderThatIsSlowBringsNoDeadlineBack: whatever the order of the steps of check and
// expire, Fresh is false in the end. On a busy machine each turn may take a time slice, so
// there are no more turns than fit into some seconds.
func TestAReaderThatIsSlowBringsNoDeadlineBack(t *testing.T) {
	c := &Cache{}
	c.clock.init(func() instant { return instant{} })
	defer c.clock.close()
	c.clock.wake()
	began := time.Now()
	for turn := 0; turn < 100_000 && time.Since(began) < 10*time.Second; turn++ {
		s := &Snapshot{entry: &Entry{cache: c}}
		s.until.Store(c.clock.deadline(time.Hour))
		var read atomic.Bool
		done := make(chan struct{})
		go func() {
			read.Store(true)
			s.Fresh()
			close(done)
		}()
		for !read.Load() {
		}
		s.expire()
		<-done
		if s.Fresh() {
			t.Fatal("an expired snapshot is fresh")
		}
	}
}

// TestAClockThatIsSetBackAndForwardWithinATickPassesDeadlines that were set in between: what
// is read until then is dated by the clock as it was in between.
func TestAClockThatIsSetBackAndForwardWithinATickPassesDeadlines(t *testing.T) {
	k, wall, mono := testClock(t)
	k.wake()
	wall.Add(-int64(3 * time.Hour))
	mono.Add(int64(tick / 4))
	k.follow(instant{wall.Load(), mono.Load()})
	end := k.deadline(time.Minute)
	wall.Add(int64(time.Hour))
	mono.Add(int64(tick / 4))
	k.advanceNow()
	if now := k.now.Load(); now < end {
		t.Errorf("it reads %d, and an hour ended at %d", now, end)
	}
}
