package cost_test

import (
	"context"
	"io"
	"log/slog"
	"testing"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/statuspage"
)

// seen makes a handle of a cache that logs, counts and remembers its events, and of a Set that
// has been asked for its status and whether it is ready; or, without all that, a bare one.
func seen(t testing.TB, isOn bool) *typedsecret.Secret[fiveFields] {
	t.Helper()
	source := secret.SourceFunc(func(context.Context, secret.Ref) (secret.Value, error) {
		return secret.Value{Payload: secret.StringPayload(rdsSecret), VersionID: "1"}, nil
	})
	var cfg cache.Config
	if isOn {
		log := slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug}))
		cfg.Observer = hook.Join(hook.Log(log), new(hook.Counts), new(statuspage.History))
	}
	c, err := cache.New(source, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	var set typedsecret.Set
	handle := typedsecret.New[fiveFields]("prod/db", typedsecret.WithCache(c), typedsecret.WithSet(&set))
	if _, err := handle.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	if isOn {
		if err := set.Ready(0); err != nil || len(set.Status())+len(c.Status().Secrets) != 2 {
			t.Fatal(err)
		}
	}
	return handle
}

// TestAWarmGetThatIsSeenAllocatesNothing with logs, counts, the page's history, statuses and
// readiness.
func TestAWarmGetThatIsSeenAllocatesNothing(t *testing.T) {
	handle := seen(t, true)
	if n := testing.AllocsPerRun(1000, func() { _, _ = handle.Get(t.Context()) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkSeen is a warm Get without anything that looks at the cache, and with all of it.
func BenchmarkSeen(b *testing.B) {
	for name, isOn := range map[string]bool{"without": false, "with": true} {
		b.Run(name, func(b *testing.B) {
			handle, ctx := seen(b, isOn), b.Context()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := handle.Get(ctx); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
