package typedsecret_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
)

// TestAfterSetDefaultNobodyWaitsForTheCacheBefore: the next Get goes to the new one,
// though another Get still waits for the hook of the old one.
func TestAfterSetDefaultNobodyWaitsForTheCacheBefore(t *testing.T) {
	for _, closed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			before := open(t, storing("k", "1"), cache.Config{Hook: stuck{get: true}})
			setDefault(t, before)
			handle := typedsecret.New[int]("k")
			go handle.Get(context.Background())
			synctest.Wait() // it waits for the hook
			typedsecret.SetDefault(open(t, storing("k", "1"), cache.Config{}))
			if closed {
				go before.Close()
			}
			start := time.Now()
			v, err := handle.Get(t.Context())
			if took := time.Since(start); v != 1 || err != nil || took > 0 {
				t.Errorf("closed %v: after %v: %v, %v", closed, took, v, err)
			}
			time.Sleep(time.Minute)
		})
	}
}
