package hook_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/static"
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
		case hook.DecodeFailed:
			logger.ErrorContext(ctx, "secret does not decode", "id", e.ID, "version", e.VersionID, "err", e.Err)
		case hook.Rejected:
			logger.WarnContext(ctx, "credential refused", "id", e.ID, "version", e.VersionID)
		case hook.SealedFileFailed:
			logger.ErrorContext(ctx, "sealed file", "path", e.Path, "err", e.Err)
		case hook.Evicted:
			logger.DebugContext(ctx, "secret evicted", "id", e.ID) // MaxSize may be too small
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

// A masked Hook keeps no plaintext in memory. In earnest it encrypts: see the Example of
// cache.Config.
type masked struct{}

func (masked) Put(_ context.Context, _ hook.Item, secret []byte) ([]byte, error) {
	return mask(secret), nil
}

func (masked) Get(_ context.Context, _ hook.Item, stored []byte) ([]byte, error) {
	return mask(stored), nil
}

func mask(b []byte) []byte {
	b = bytes.Clone(b)
	for i := range b {
		b[i] ^= 0xff
	}
	return b
}

func ExampleHook() {
	var h hook.Hook = masked{}
	ctx, item := context.Background(), hook.Item{ID: "prod/db", Stage: "AWSCURRENT", VersionID: "v1"}

	stored, err := h.Put(ctx, item, []byte("hunter2"))
	fmt.Println(bytes.Contains(stored, []byte("hunter2")), err)
	secret, err := h.Get(ctx, item, stored)
	fmt.Println(string(secret), err)
	// Output:
	// false <nil>
	// hunter2 <nil>
}

// A stopwatch is a FetchObserver that knows which fetch ends.
type stopwatch struct{}

type begun struct{}

func (stopwatch) BeginFetch(ctx context.Context, s hook.Secret) context.Context {
	fmt.Println("a fetch begins:", s.ID)
	return context.WithValue(ctx, begun{}, time.Now())
}

func (stopwatch) Observe(ctx context.Context, e hook.Event) {
	if e, ok := e.(hook.Fetched); ok {
		_, known := ctx.Value(begun{}).(time.Time)
		fmt.Println("it ends:", e.ID, known)
	}
}

func ExampleFetchObserver() {
	source := static.New(map[string]string{"prod/db": "hunter2"})
	c, err := cache.New(source, cache.Config{Observer: stopwatch{}})
	if err != nil {
		panic(err)
	}
	defer c.Close()
	_, _ = c.Get(context.Background(), secret.Ref{ID: "prod/db"})
	// Output:
	// a fetch begins: prod/db
	// it ends: prod/db true
}
