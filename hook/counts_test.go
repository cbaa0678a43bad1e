package hook_test

import (
	"context"
	"errors"
	"expvar"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/secret"
)

var _ expvar.Var = (*hook.Counts)(nil)

func TestCountsHasEveryEvent(t *testing.T) {
	var c hook.Counts
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			for _, e := range []hook.Event{
				hook.Fetched{Secret: db, Took: time.Second},
				hook.Rotated{Secret: db},
				hook.Announced{Secret: db},
				hook.ServedStale{Secret: db},
				hook.Evicted{Secret: db},
				hook.DecodeFailed{Secret: db},
				hook.Rejected{Secret: db},
				hook.SealedFileFailed{},
				hook.FetchFailed{Secret: db, Err: secret.ErrThrottled, Took: time.Second},
			} {
				c.Observe(t.Context(), e)
			}
		})
	}
	wg.Wait()
	got := c.Totals()
	got.FetchFailures["throttled"] = 99 // a copy
	got = c.Totals()
	if n := got.FetchFailures["throttled"]; n != 10 {
		t.Errorf("%d fetches were throttled", n)
	}
	for _, n := range []uint64{got.Fetches, got.Rotations, got.Announced, got.StaleReads, got.Evictions, got.DecodeFailures, got.Rejections, got.SealedFileFailures} {
		if n != 10 {
			t.Errorf("Totals = %+v", got)
		}
	}
	if got.FetchSeconds != 20 || got.Answered.IsZero() {
		t.Errorf("Totals = %+v", got)
	}
}

func TestCountsQuotesNothing(t *testing.T) {
	const text = `Zq7#Kx!9%Wv&3Jh`
	var c hook.Counts
	s := hook.Secret{ID: text, Stage: text, VersionID: text}
	for _, e := range []hook.Event{
		hook.Fetched{Secret: s},
		hook.Rotated{Secret: s, From: text},
		hook.FetchFailed{Secret: s, Err: errors.New(text)},
		hook.DecodeFailed{Secret: s, Err: errors.New(text)},
		hook.SealedFileFailed{Path: text, Err: errors.New(text)},
	} {
		c.Observe(t.Context(), e)
	}
	for i := range len(text) - 3 {
		if strings.Contains(c.String(), text[i:i+4]) {
			t.Errorf("%q is in %s", text[i:i+4], &c)
		}
	}
}

func TestAnEventCostsNoAllocation(t *testing.T) {
	var c hook.Counts
	for _, e := range []hook.Event{hook.Fetched{Secret: db}, hook.FetchFailed{Secret: db, Err: secret.ErrUnavailable}} {
		if n := testing.AllocsPerRun(100, func() { c.Observe(context.Background(), e) }); n != 0 {
			t.Errorf("%T: %v allocations", e, n)
		}
	}
}

func ExampleCounts() {
	counts := new(hook.Counts)
	expvar.Publish("typedsecret", counts) // and cache.Config{Observer: counts}

	// What a cache with this observer does:
	counts.Observe(context.Background(), hook.FetchFailed{Secret: db, Err: secret.ErrUnavailable, Took: time.Second})
	fmt.Println(expvar.Get("typedsecret"))
	// Output:
	// {"fetches":0,"fetch_failures":{"unavailable":1},"fetch_seconds":1,"rotations":0,"announced":0,"stale_reads":0,"evictions":0,"decode_failures":0,"rejections":0,"sealed_file_failures":0}
}
