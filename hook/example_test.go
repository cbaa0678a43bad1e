package hook_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/typedsecret/typedsecret/hook"
)

func ExampleObserverFunc() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{} // for the sake of the example's output
			}
			return a
		},
	}))

	observer := hook.ObserverFunc(func(ctx context.Context, e hook.Event) {
		switch e := e.(type) {
		case hook.Rotated:
			logger.InfoContext(ctx, "secret rotated", "id", e.ID, "from", e.From, "to", e.VersionID)
		case hook.FetchFailed:
			logger.WarnContext(ctx, "secret can't be fetched", "id", e.ID, "failures", e.Failures, "retry_in", e.RetryIn, "err", e.Err)
		case hook.ServedStale:
			logger.WarnContext(ctx, "secret is stale", "id", e.ID, "age", e.Age)
		}
	})

	// What a cache with this observer does:
	ctx := context.Background()
	db := hook.Secret{ID: "prod/db", Stage: "AWSCURRENT", VersionID: "v2"}
	observer.Observe(ctx, hook.Fetched{Secret: db, Took: 12 * time.Millisecond})
	observer.Observe(ctx, hook.Rotated{Secret: db, From: "v1"})
	observer.Observe(ctx, hook.FetchFailed{Secret: db, Err: errors.New("throttled"), Failures: 1, RetryIn: 800 * time.Millisecond})
	observer.Observe(ctx, hook.ServedStale{Secret: db, Age: 90 * time.Minute})
	// Output:
	// level=INFO msg="secret rotated" id=prod/db from=v1 to=v2
	// level=WARN msg="secret can't be fetched" id=prod/db failures=1 retry_in=800ms err=throttled
	// level=WARN msg="secret is stale" id=prod/db age=1h30m0s
}
