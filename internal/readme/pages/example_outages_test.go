package pages_test

import (
	"context"
	"crypto/cipher"
	"fmt"
	"log"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/notify"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/failover"
)

// Example_start shows how a service waits out an outage at its start.
func Example_start() {
	var app typedsecret.Set
	from := secret.SourceFunc(func(context.Context, secret.Ref) (secret.Value, error) {
		return secret.Value{Payload: secret.StringPayload("k-123456"), VersionID: "1"}, nil
	})
	c, err := cache.New(from, cache.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	typedsecret.New[string]("prod/api-key", typedsecret.WithSet(&app), typedsecret.WithCache(c))

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	preloader := typedsecret.Preloader{Retry: true, Jitter: 20 * time.Millisecond}
	if err := preloader.Preload(ctx, app.Handles()...); err != nil {
		log.Fatal(err) // what can't mend itself, or five minutes are over
	}
	fmt.Println("ready")
	// Output: ready
}

// sealed has a file for starts during an outage, and a bound on the age of a stale value.
func sealed(dir string, sealer cipher.AEAD) cache.Config {
	cfg := cache.Config{StaleIfError: cache.MaxStale(24 * time.Hour)}
	cfg = cfg.WithSealedFile(filepath.Join(dir, "secrets.sealed"), sealer)
	return cfg
}

// regions makes a source of two regions in code.
func regions(primary, replica secret.Source) (secret.Source, error) {
	return failover.New(
		failover.Region{Name: "eu-west-1", Source: primary},
		failover.Region{Name: "eu-central-1", Source: replica},
	)
}

// hears looks anew when an event of AWS is about the secret.
func hears(topic string, key *typedsecret.Secret[string]) (*notify.Handler, error) {
	return notify.NewHandler(notify.HandlerConfig{Topics: []string{topic}}, func(ctx context.Context, e notify.Event) error {
		if slices.Contains(e.IDs(), key.ID()) {
			return key.Invalidate(ctx) // the next Get looks; no value is taken from an event
		}
		return nil
	})
}

// observed has events go to the program's log, and to metrics.
func observed(metrics hook.Observer) cache.Config {
	return cache.Config{Observer: hook.Join(hook.Log(slog.Default()), metrics)}
}

// Example_compiled uses what only has to compile.
func Example_compiled() {
	fmt.Println(observed(nil).Validate())
	_, err := regions(nil, nil)
	fmt.Println(err != nil)
	fmt.Println(sealed("", nil).Validate() != nil)
	_, err = hears("arn:aws:sns:eu-west-1:123456789012:secrets", typedsecret.Static("k-123456"))
	fmt.Println(err)
	// Output:
	// <nil>
	// true
	// true
	// <nil>
}
