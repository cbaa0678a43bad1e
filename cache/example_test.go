package cache_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/notify"
	"github.com/typedsecret/typedsecret/secret"
)

// A vault is a Source over a map of IDs to secrets. One named down has the
// service be down.
type vault map[string]string

func (v vault) Fetch(_ context.Context, ref secret.Ref) (secret.Value, error) {
	if v["down"] != "" {
		return secret.Value{}, secret.ErrUnavailable
	}
	text, ok := v[ref.ID]
	if !ok {
		return secret.Value{}, secret.ErrNotFound
	}
	return secret.Value{Payload: secret.StringPayload(text), Name: ref.ID, VersionID: "version of " + text}, nil
}

func ExampleNew() {
	c, err := cache.New(vault{"prod/db": "pa55word"}, cache.Config{})
	if err != nil {
		panic(err)
	}
	defer c.Close()

	v, err := c.Get(context.Background(), secret.Ref{ID: "prod/db"})
	if err != nil {
		panic(err)
	}
	fmt.Println(v.Name, v.Payload)
	fmt.Println(v.Payload.Reveal())
	// Output:
	// prod/db [REDACTED]
	// pa55word
}

func ExampleCache_Get_error() {
	c, err := cache.New(vault{}, cache.Config{
		Backoff: backoff.Policy{Base: time.Minute, Jitter: backoff.NoJitter},
	})
	if err != nil {
		panic(err)
	}
	defer c.Close()

	_, err = c.Get(context.Background(), secret.Ref{ID: "prod/typo"})
	fmt.Println(err)
	fmt.Println("not found:", errors.Is(err, secret.ErrNotFound))
	var e *secret.Error
	if errors.As(err, &e) {
		fmt.Println("asked for again in", e.RetryIn)
	}
	// Output:
	// secret prod/typo@AWSCURRENT: secret not found (no other fetch for 1m0s)
	// not found: true
	// asked for again in 1m0s
}

func ExampleCache_Refresh() {
	source := vault{"prod/db": "old"}
	c, err := cache.New(source, cache.Config{})
	if err != nil {
		panic(err)
	}
	defer c.Close()
	ctx, ref := context.Background(), secret.Ref{ID: "prod/db"}

	before, _ := c.Get(ctx, ref)
	source["prod/db"] = "new"
	unknowing, _ := c.Get(ctx, ref) // from memory
	refreshed, _ := c.Refresh(ctx, ref)
	after, _ := c.Get(ctx, ref)
	fmt.Println(before.Payload.Reveal(), unknowing.Payload.Reveal(), refreshed.Payload.Reveal(), after.Payload.Reveal())
	// Output: old old new new
}

func ExampleCache_Invalidate() {
	source := vault{"prod/db": "old"}
	c, err := cache.New(source, cache.Config{})
	if err != nil {
		panic(err)
	}
	defer c.Close()
	ctx, ref := context.Background(), secret.Ref{ID: "prod/db"}

	before, _ := c.Get(ctx, ref)
	source["prod/db"] = "new"
	c.Invalidate(ref)
	after, _ := c.Get(ctx, ref) // fetches
	fmt.Println(before.Payload.Reveal(), after.Payload.Reveal())
	// Output: old new
}

func ExampleConfig_observer() {
	source := vault{"prod/db": "old"}
	c, err := cache.New(source, cache.Config{
		Observer: hook.ObserverFunc(func(_ context.Context, e hook.Event) {
			switch e := e.(type) {
			case hook.Fetched:
				fmt.Println("fetched", e.ID, e.VersionID)
			case hook.Rotated:
				fmt.Println("rotated", e.ID, "from", e.From)
			case hook.FetchFailed:
				fmt.Println("failed:", e.Err)
			}
		}),
	})
	if err != nil {
		panic(err)
	}
	defer c.Close()

	ctx := context.Background()
	c.Get(ctx, secret.Ref{ID: "prod/db"})
	source["prod/db"] = "new"
	c.Refresh(ctx, secret.Ref{ID: "prod/db"})
	c.Get(ctx, secret.Ref{ID: "prod/typo"})
	// Output:
	// fetched prod/db version of old
	// fetched prod/db version of new
	// rotated prod/db from version of old
	// failed: secret prod/typo@AWSCURRENT: secret not found
}

// Sealed encrypts what the cache keeps with a key drawn when the program starts.
// That it is the secret that was asked for is authenticated with it.
type Sealed struct{ aead cipher.AEAD }

func (s Sealed) Put(_ context.Context, item hook.Item, secret []byte) ([]byte, error) {
	return s.aead.Seal(nil, nil, secret, fmt.Appendf(nil, "%q", item)), nil
}

func (s Sealed) Get(_ context.Context, item hook.Item, stored []byte) ([]byte, error) {
	return s.aead.Open(nil, nil, stored, fmt.Appendf(nil, "%q", item))
}

func ExampleConfig_hook() {
	key := make([]byte, 32)
	rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	c, err := cache.New(vault{"prod/db": "pa55word"}, cache.Config{Hook: Sealed{aead}})
	if err != nil {
		panic(err)
	}
	defer c.Close()

	v, err := c.Get(context.Background(), secret.Ref{ID: "prod/db"})
	fmt.Println(v.Payload.Reveal(), err)
	// Output: pa55word <nil>
}

// The last good value is good enough for a day, whatever goes wrong.
func ExampleMaxStale() {
	source := vault{"prod/db": "pa55word"}
	c, err := cache.New(source, cache.Config{StaleIfError: cache.MaxStale(24 * time.Hour)})
	if err != nil {
		panic(err)
	}
	defer c.Close()
	ctx, ref := context.Background(), secret.Ref{ID: "prod/db"}

	c.Get(ctx, ref)
	source["down"] = "yes"
	c.Invalidate(ref) // as after its TTL
	v, err := c.Get(ctx, ref)
	fmt.Println(v.Payload.Reveal(), err)
	// Output: pa55word <nil>
}

func ExampleConfig_staleIfError() {
	source := vault{"prod/db": "pa55word"}
	c, err := cache.New(source, cache.Config{
		// The last good value is good enough for a day, unless the secret
		// is gone or was taken from us.
		StaleIfError: func(err error, age time.Duration) bool {
			gone := errors.Is(err, secret.ErrNotFound) || errors.Is(err, secret.ErrAccessDenied)
			return !gone && age < 24*time.Hour
		},
	})
	if err != nil {
		panic(err)
	}
	defer c.Close()
	ctx, ref := context.Background(), secret.Ref{ID: "prod/db"}

	c.Get(ctx, ref)
	source["down"] = "yes"
	c.Invalidate(ref) // as after its TTL
	v, err := c.Get(ctx, ref)
	fmt.Println(v.Payload.Reveal(), err)
	// Output: pa55word <nil>
}

func ExampleCache_HandleEvent() {
	source, here := vault{"prod/db": "old"}, make(chan struct{})
	c, err := cache.New(source, cache.Config{
		EventSpread: -1, // at once, since there is but one process
		Observer: hook.ObserverFunc(func(_ context.Context, e hook.Event) {
			if e, ok := e.(hook.Announced); ok {
				fmt.Println(e.ID, "is here within a minute:", e.Lag < time.Minute)
				close(here)
			}
		}),
	})
	if err != nil {
		panic(err)
	}
	defer c.Close()
	ctx := context.Background()
	if _, err := c.Get(ctx, secret.Ref{ID: "prod/db"}); err != nil {
		panic(err)
	}

	source["prod/db"] = "new"
	// A notify.Receiver calls HandleEvent with each event that comes: receiver.Receive(ctx, c.HandleEvent)
	err = c.HandleEvent(ctx, notify.Event{Kind: notify.LabelMoved, Name: "prod/db", Stages: []string{"AWSCURRENT"}, VersionID: "version of new", Time: time.Now()})
	if err != nil {
		panic(err)
	}
	<-here
	v, err := c.Get(ctx, secret.Ref{ID: "prod/db"})
	if err != nil {
		panic(err)
	}
	fmt.Println(v.Payload.Reveal())
	// Output:
	// prod/db is here within a minute: true
	// new
}
