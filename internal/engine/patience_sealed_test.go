package engine_test

import (
	"sync"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
)

// The wait may be over before the fetch has begun, in a goroutine of its own.
func TestWithoutMaxRefreshWaitAStartGivesTheValuesOfTheSealedFile(t *testing.T) {
	for range 10 {
		virtual(t, func(t *testing.T) {
			path := snapshotOf(t, serving("db"), "db")
			s := serving("db")
			s.hang()
			c := open(t, s, engine.Config{MaxRefreshWait: -1}.WithSealedFile(path, gcm(t, "key")))
			if waited := took(func() { wantGet(t, c, "db", "db v1") }); waited != 0 {
				t.Errorf("waited %v", waited)
			}
			settle()
			wantCalls(t, s, 1)
		})
	}
}

// One reader may find the value in the moment in which another sees that there is none.
func TestAllReadersOfAStartGetTheValueOfTheSealedFileAtTheSameTime(t *testing.T) {
	for range 20 {
		virtual(t, func(t *testing.T) {
			path := snapshotOf(t, serving("db"), "db")
			s := serving("db")
			s.hang()
			c := open(t, s, engine.Config{}.WithSealedFile(path, gcm(t, "key")))
			var readers sync.WaitGroup
			for range 200 {
				readers.Go(func() {
					if waited := took(func() { wantGet(t, c, "db", "db v1") }); waited != time.Second {
						t.Errorf("waited %v", waited)
					}
				})
			}
			readers.Wait()
		})
	}
}
