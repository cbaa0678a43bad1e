package statuspage

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/secret"
)

func of(version string) hook.Secret {
	return hook.Secret{ID: "prod/db", Stage: "AWSCURRENT", VersionID: version}
}

// tell says all events of a secret, oldest first.
func tell(h *History) (all []string) {
	for _, e := range h.of("prod/db", "AWSCURRENT", "") {
		all = append(all, e.tell(time.Now()))
	}
	return all
}

func TestARotationIsTheFetchThatBroughtIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h History
		h.Observe(t.Context(), hook.Fetched{Secret: of("v1")})
		time.Sleep(time.Hour)
		h.Observe(t.Context(), hook.Fetched{Secret: of("v2"), Took: time.Second})
		h.Observe(t.Context(), hook.Rotated{Secret: of("v2"), From: "v1"})
		time.Sleep(12 * time.Minute)
		if got, want := strings.Join(tell(&h), "; "), "fetched, 1 h ago; rotated to v2, 12 min ago"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

func TestAnOutageIsOneEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h History
		h.Observe(t.Context(), hook.Fetched{Secret: of("v1")})
		for range 100 {
			time.Sleep(time.Minute)
			h.Observe(t.Context(), hook.FetchFailed{Secret: of(""), Err: secret.ErrUnavailable})
			h.Observe(t.Context(), hook.ServedStale{Secret: of("v1"), Err: secret.ErrUnavailable})
		}
		h.Observe(t.Context(), hook.Fetched{Secret: of("v1")})
		h.Observe(t.Context(), hook.FetchFailed{Secret: of(""), Err: secret.ErrUnavailable})
		want := "fetched, 1 h ago; fetch failed 100 times (unavailable), first 1 h ago, last just now; " +
			"stale value given out 100 times (unavailable), first 1 h ago, last just now; fetched, just now; fetch failed (unavailable), just now"
		if got := strings.Join(tell(&h), "; "); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

// TestRotationsOutlastFetches: a secret with a short TTL is fetched often.
func TestRotationsOutlastFetches(t *testing.T) {
	var h History
	h.Observe(t.Context(), hook.Fetched{Secret: of("v2")})
	h.Observe(t.Context(), hook.Rotated{Secret: of("v2"), From: "v1"})
	h.Observe(t.Context(), hook.DecodeFailed{Secret: of("v2"), Err: errors.New("x")})
	h.Observe(t.Context(), hook.Rejected{Secret: of("v2")})
	for range 10_000 {
		h.Observe(t.Context(), hook.Fetched{Secret: of("v2")})
	}
	got := tell(&h)
	if len(got) != maxEvents || !strings.HasPrefix(got[0], "rotated") || !strings.HasPrefix(got[1], "does not decode") ||
		!strings.HasPrefix(got[2], "refused by a service") || !strings.HasPrefix(got[maxEvents-1], "fetched") {
		t.Errorf("%d events: %q", len(got), got)
	}
	for i := range 10_000 {
		h.Observe(t.Context(), hook.Rotated{Secret: of(fmt.Sprint(i))})
	}
	if got := tell(&h); len(got) != maxEvents || !strings.HasPrefix(got[maxEvents-1], "rotated to 9999") {
		t.Errorf("%d events: %q", len(got), got)
	}
}

func TestAHistoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h History
		for i := range 3 * maxSecrets {
			h.Observe(t.Context(), hook.Fetched{Secret: hook.Secret{ID: fmt.Sprint(i)}})
			time.Sleep(time.Second)
		}
		if len(h.secrets) != maxSecrets || h.of("0", "", "") != nil || h.of(fmt.Sprint(3*maxSecrets-1), "", "") == nil {
			t.Errorf("%d secrets", len(h.secrets))
		}
		h.Observe(t.Context(), hook.Evicted{Secret: hook.Secret{ID: fmt.Sprint(3*maxSecrets - 1)}})
		if len(h.secrets) != maxSecrets-1 {
			t.Errorf("%d secrets after an eviction", len(h.secrets))
		}
	})
}

func TestAPinnedVersionHasItsOwnEvents(t *testing.T) {
	var h History
	for _, v := range []string{"v1", "v2", "v2"} {
		h.Observe(t.Context(), hook.Fetched{Secret: hook.Secret{ID: "k", VersionID: v}})
	}
	if n := len(h.of("k", "", "v2")); n != 2 {
		t.Errorf("%d events", n)
	}
}

func TestAHistoryIsSafeForConcurrentUse(t *testing.T) {
	var h History
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 500 {
				h.Observe(t.Context(), hook.Fetched{Secret: of("v1")})
				h.Observe(t.Context(), hook.FetchFailed{Secret: of("v1"), Err: secret.ErrTimeout})
				h.Observe(t.Context(), hook.Evicted{Secret: hook.Secret{ID: fmt.Sprint(i)}})
				h.Observe(t.Context(), hook.SealedFileFailed{Path: "f", Err: secret.ErrTimeout})
				h.of("prod/db", "AWSCURRENT", "")
				h.lastSealed()
			}
		})
	}
	all.Wait()
}

// TestATimelineIsDescribed for those who don't see it, and what lies before it is left out.
func TestATimelineIsDescribed(t *testing.T) {
	now := time.Now()
	events := []event{
		{Kind: fetched, At: now.Add(-2 * time.Hour)},
		{Kind: fetched, At: now.Add(-50 * time.Minute)},
		{Kind: rotated, At: now.Add(-40 * time.Minute)},
		{Kind: failed, At: now.Add(-90 * time.Minute), Last: now.Add(-30 * time.Minute), Count: 61},
	}
	want := "In the last 1 h: 2 fetches; 1 rotation, the last 40 min ago; 61 failures, the last 30 min ago."
	if got := describe(events, now, time.Hour); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	marks := timeline(events, now, time.Hour)
	if len(marks) != 3 || marks[1].X != "0.00" || marks[1].Width != "50.00" || !marks[1].IsSpan || marks[2].Kind != rotated {
		t.Errorf("%+v", marks)
	}
}

func TestSpansOfTime(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 0: "0 s", 999 * time.Millisecond: "0 s", 59 * time.Second: "59 s", 12*time.Minute + 50*time.Second: "12 min",
		59*time.Minute + 59*time.Second: "59 min", time.Hour: "1 h", 47 * time.Hour: "1 d", 400 * 24 * time.Hour: "400 d",
	} {
		if got := span(d); got != want {
			t.Errorf("%v: %s", d, got)
		}
	}
}
