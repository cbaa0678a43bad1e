package carriers_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/integration/redistest"
	"github.com/typedsecret/typedsecret/notify"
	"github.com/typedsecret/typedsecret/notify/notifytest"
	redisnotify "github.com/typedsecret/typedsecret/notify/redis"
	"github.com/typedsecret/typedsecret/recipes/redissecret"
	"github.com/typedsecret/typedsecret/secrettest"
)

// A publisher is a client of Redis.
type publisher interface {
	redisnotify.Client
	Publish(ctx context.Context, channel string, message any) *redis.IntCmd
}

func publish(t testing.TB, client publisher, channel, message string) {
	t.Helper()
	if err := client.Publish(context.Background(), channel, message).Err(); err != nil {
		t.Fatal(err)
	}
}

func newSubscriber(t testing.TB, client redisnotify.Client, channel string, onError func(error)) *redisnotify.Receiver {
	t.Helper()
	r, err := redisnotify.New(redisnotify.Config{Client: client, Channel: channel, OnError: onError})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestAReceiverOfAClusterKeepsItsContract runs the suite. That of notify/redis runs it with one
// server, which it restarts.
func TestAReceiverOfAClusterKeepsItsContract(t *testing.T) {
	cluster := redistest.NewCluster(t)
	if err := cluster.SetUser(t.Context(), "app", "sesame"); err != nil {
		t.Fatal(err)
	}
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: cluster.Addrs()[:1], Username: "app", Password: "sesame"})
	defer client.Close()
	var channels atomic.Int64
	notifytest.Run(t, func(t testing.TB) notifytest.Harness {
		channel := "rotations-" + strconv.FormatInt(channels.Add(1), 10)
		return notifytest.Harness{
			Receiver: func(onError func(error)) notify.Receiver { return newSubscriber(t, client, channel, onError) },
			Send:     func(message []byte) { publish(t, client, channel, string(message)) },
			AnyBytes: true,
		}
	})
}

// TestAFailoverIsFollowedByMissed: the Sentinel makes another server the master.
func TestAFailoverIsFollowedByMissed(t *testing.T) {
	sentinel := redistest.NewSentinel(t)
	if err := sentinel.SetUser(t.Context(), "app", "sesame"); err != nil {
		t.Fatal(err)
	}
	client := redis.NewFailoverClient(&redis.FailoverOptions{
		SentinelAddrs: []string{sentinel.Addr()}, MasterName: redistest.MasterName, Username: "app", Password: "sesame",
	})
	defer client.Close()
	events := receive(t, newSubscriber(t, client, "rotations", func(err error) { t.Log(err) }))
	send := func(name string) { publish(t, client, "rotations", moved(name)) }
	events.probe(send)
	if err := sentinel.Failover(t.Context()); err != nil {
		t.Fatal(err)
	}
	events.await(string(notify.Missed))
	events.probe(send)
}

// TestARotatedPasswordOfRedisIsFollowedByMissed: the client of package redissecret has the
// password from a secret.
func TestARotatedPasswordOfRedisIsFollowedByMissed(t *testing.T) {
	server := redistest.New(t)
	manager, secrets := secrettest.NewCache(t, secrettestConfig)
	set := func(password string) {
		if err := server.SetUser(t.Context(), "app", password); err != nil {
			t.Fatal(err)
		}
	}
	set("first")
	manager.Seed(t, "prod/redis", "first")
	secret := typedsecret.New[string]("prod/redis", typedsecret.WithCache(secrets))
	client := redissecret.NewClient(secret, func(password string) (string, string) { return "app", password }, &redis.Options{Addr: server.Addr()})
	defer client.Close()
	events := receive(t, newSubscriber(t, client, "rotations", func(err error) { t.Log(err) }))
	send := func(name string) { publish(t, client, "rotations", moved(name)) }
	events.probe(send)
	for _, password := range []string{"second", "third"} {
		set(password)
		manager.Rotate(t, "prod/redis", password)
		if err := client.ClientKillByFilter(t.Context(), "TYPE", "pubsub").Err(); err != nil {
			t.Fatal(err)
		}
		events.await(string(notify.Missed))
		events.probe(send)
	}
}

func TestARotationIsSeenByRedis(t *testing.T) {
	server := redistest.New(t)
	if err := server.SetUser(t.Context(), "app", "sesame"); err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), Username: "app", Password: "sesame"})
	defer client.Close()
	receiver := newSubscriber(t, client, "rotations", func(err error) { t.Error(err) })
	t.Run("", func(t *testing.T) { // which ends before the client is closed
		seesRotations(t, receiver, func(message string) error {
			return client.Publish(context.Background(), "rotations", message).Err()
		})
	})
}

// patience is how long a test waits for what is to come.
const patience = 30 * time.Second

// events are the names of those that a Receiver brings, or the kind of one without a name.
type events struct {
	testing.TB
	names chan string
}

// receive runs a Receiver until the test ends.
func receive(t testing.TB, r notify.Receiver) events {
	e := events{t, make(chan string, 1000)}
	run(t, r, func(_ context.Context, event notify.Event) error {
		if event.Name == "" {
			e.names <- string(event.Kind)
		} else {
			e.names <- event.Name
		}
		return nil
	})
	return e
}

// run runs a Receiver until the test ends.
func run(t testing.TB, r notify.Receiver, handle func(context.Context, notify.Event) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Receive(ctx, handle) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// await reads events until this one comes.
func (e events) await(name string) {
	e.Helper()
	for end := time.After(patience); ; {
		select {
		case got := <-e.names:
			if got == name {
				return
			}
		case <-end:
			e.Fatalf("%s has not come", name)
		}
	}
}

// probe sends events until one comes.
func (e events) probe(send func(name string)) {
	e.Helper()
	for end := time.After(patience); ; {
		send("probe")
		select {
		case got := <-e.names:
			if got == "probe" {
				return
			}
		case <-time.After(50 * time.Millisecond):
		case <-end:
			e.Fatal("no event comes")
		}
	}
}
