package natsnotify_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/notify"
	natsnotify "github.com/typedsecret/typedsecret/notify/nats"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/awssm"
)

const processes = 200

// A fleet has so many caches that hold one secret, and a receiver for each.
type fleet struct {
	nats    *natsServer
	manager *secrettest.Server
	caches  []*cache.Cache
	missed  chan struct{} // one for each event of the kind Missed
}

var db = secret.Ref{ID: "prod/db", Stage: secret.CurrentStage}

func startFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{nats: startServer(t), manager: secrettest.New(t), missed: make(chan struct{}, processes)}
	f.manager.Seed(t, db.ID, "one")
	source, err := awssm.New(clientOf(f.manager))
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(running.Wait)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	for range processes {
		c, err := cache.New(source, cache.Config{EventSpread: -1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if _, err := c.Get(ctx, db); err != nil {
			t.Fatal(err)
		}
		f.caches = append(f.caches, c)
		r := f.nats.receiver(t, nil)
		running.Go(func() {
			_ = r.Receive(ctx, func(ctx context.Context, e notify.Event) error {
				if e.Kind == notify.Missed {
					f.missed <- struct{}{}
				}
				return c.HandleEvent(ctx, e)
			})
		})
	}
	awaitSubscribers(t, f.nats, processes)
	return f
}

// awaitVersion waits until each cache has a version without being asked to fetch it.
func (f *fleet) awaitVersion(t *testing.T, version string) {
	t.Helper()
	end := time.Now().Add(patience)
	for i, c := range f.caches {
		for {
			v, err := c.Get(t.Context(), db)
			if err != nil {
				t.Fatal(err)
			}
			if v.VersionID == version {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("waited %v, and cache %d does not have version %s", patience, i, version)
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// TestAFleetSeesEachRotation rotates a secret that 200 caches hold for an hour: once with an
// event, once with two, and once while the NATS server is down.
func TestAFleetSeesEachRotation(t *testing.T) {
	f := startFleet(t)
	deliver := func(_ context.Context, e secrettest.Event) error {
		message, err := json.Marshal(e)
		if err != nil {
			return err
		}
		return f.nats.publish(message)
	}
	checkCalls := func(want int) {
		t.Helper()
		if n := f.manager.Calls("GetSecretValue"); n != want*processes {
			t.Errorf("%d fetches of %d caches, want %d each", n, processes, want)
		}
	}
	f.manager.OnEvent(deliver)
	f.awaitVersion(t, f.manager.Rotate(t, db.ID, "two"))
	checkCalls(2)

	f.manager.OnEvent(func(ctx context.Context, e secrettest.Event) error {
		_ = deliver(ctx, e)
		return deliver(ctx, e) // deliveries are at least once
	})
	f.awaitVersion(t, f.manager.Rotate(t, db.ID, "three"))
	checkCalls(3)

	f.nats.stop()
	f.manager.OnEvent(nil)
	version := f.manager.Rotate(t, db.ID, "four")
	if err := f.nats.start(); err != nil {
		t.Fatal(err)
	}
	for range processes {
		await(t, "Missed in each process", f.missed)
	}
	f.awaitVersion(t, version)
	checkCalls(4)
}

// TestAPasswordOfNATSFromASecret: a receiver logs in with a password from the cache to which it brings
// events. The password is rotated at NATS first, and then in Secrets Manager.
func TestAPasswordOfNATSFromASecret(t *testing.T) {
	s, manager := startServer(t), secrettest.New(t)
	manager.Seed(t, "prod/nats", s.password)
	source, err := awssm.New(clientOf(manager))
	if err != nil {
		t.Fatal(err)
	}
	c, err := cache.New(source, cache.Config{EventSpread: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	events := make(chan notify.Event, 1_000)
	reports := receive(t, s, func(cfg *natsnotify.Config) {
		cfg.Credentials = func(ctx context.Context, refused bool) (nats.Option, error) {
			get := c.Get
			if refused {
				get = c.Refresh
			}
			v, err := get(ctx, secret.Ref{ID: "prod/nats", Stage: secret.CurrentStage})
			return nats.UserInfo("app", v.Payload.Reveal()), err
		}
	}, func(e notify.Event) error { events <- e; return nil })
	awaitSubscribers(t, s, 1)
	if err := s.rotate(); err != nil {
		t.Fatal(err)
	}
	await(t, "a report of the broken connection", reports)
	await(t, "a report of the refused login", reports)
	manager.Rotate(t, "prod/nats", s.password)
	if e := await(t, "Missed", events); e.Kind != notify.Missed {
		t.Errorf("got %+v", e)
	}
}
