package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/internal/awsevent"
	"github.com/typedsecret/typedsecret/secrettest"
)

// startNATS starts a server. A port of -1 is one that is free.
func startNATS(t *testing.T, port int, users ...*server.User) *server.Server {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, NoLog: true, NoSigs: true, Users: users})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(deadline) {
		t.Fatal("the server is not ready")
	}
	return s
}

func port(s *server.Server) (n int) {
	fmt.Sscanf(s.Addr().String(), "127.0.0.1:%d", &n)
	return n
}

// subscribe returns the messages on a subject.
func subscribe(t *testing.T, s *server.Server, subject string, options ...nats.Option) <-chan *nats.Msg {
	t.Helper()
	conn, err := nats.Connect(s.ClientURL(), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	messages := make(chan *nats.Msg, 100)
	if _, err := conn.ChanSubscribe(subject, messages); err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	return messages
}

func TestAnEventIsPublishedOnNATS(t *testing.T) {
	q, s := startQueue(t), startNATS(t, -1)
	messages := subscribe(t, s, "prod.rotations")
	r := start(t, nil, "-queue", q.url, "-nats", s.ClientURL(), "-nats-subject", "prod.rotations")
	q.send(event)
	if got := next(t, "message", messages); string(got.Data) != passedOn {
		t.Errorf("got  %s\nwant %s", got.Data, passedOn)
	}
	next(t, "deleted message", q.deleted)
	record := r.logged("event published")
	if record["kind"] != "label moved" || record["version"] != awsevent.Version || record["lag_seconds"].(float64) < 1 {
		t.Errorf("log: %v", record)
	}
	r.measured("typedsecret_relay_messages_received_total 1", "typedsecret_relay_messages_given_up_total 0",
		`typedsecret_relay_events_published_total{target="nats"} 1`, `typedsecret_relay_publish_failures_total{target="nats"} 0`,
		"typedsecret_relay_lag_seconds_count 1", `typedsecret_relay_last_answer_timestamp_seconds{part="queue"} 1.`,
		`typedsecret_relay_last_answer_timestamp_seconds{part="nats"} 1.`)
	if status, body := r.get("/healthz"); status != 200 || !strings.Contains(body, "nats: answered 0s ago\n") {
		t.Errorf("/healthz: %d %s", status, body)
	}
	r.stop()
	r.logged("relay stopped")
}

func TestWhatIsNoEventIsGivenUp(t *testing.T) {
	q, s := startQueue(t), startNATS(t, -1)
	messages := subscribe(t, s, defaultChannel)
	r := start(t, nil, "-queue", q.url, "-nats", s.ClientURL())
	q.send("hunter2", event)
	if said := fmt.Sprint(r.logged("message given up")); strings.Contains(said, "hunter") || !strings.Contains(said, "it is no JSON") {
		t.Error(said)
	}
	next(t, "deleted message", q.deleted)
	next(t, "deleted message", q.deleted)
	if next(t, "message", messages); len(messages) > 0 {
		t.Error("two messages")
	}
	r.measured("typedsecret_relay_messages_received_total 2", "typedsecret_relay_messages_given_up_total 1",
		`typedsecret_relay_events_published_total{target="nats"} 1`)
}

func TestAnEventStaysInTheQueueWhileNATSIsAway(t *testing.T) {
	q, s := startQueue(t), startNATS(t, -1)
	at, url := port(s), s.ClientURL()
	s.Shutdown()
	s.WaitForShutdown()
	r := start(t, nil, "-queue", q.url, "-nats", url)
	r.logged("target does not answer")
	q.send(event)
	next(t, "message given back", q.back)
	r.logged("queue or event failed")
	r.measured(`typedsecret_relay_events_published_total{target="nats"} 0`, `typedsecret_relay_publish_failures_total{target="nats"} 1`)

	messages := subscribe(t, startNATS(t, at), defaultChannel)
	body := q.redeliverUntilTaken(t)
	if got := next(t, "message", messages); body != event || string(got.Data) != passedOn {
		t.Errorf("deleted %s, published %s", body, got.Data)
	}
}

// NATS reports a message that it refuses beside the connection, which goes on.
func TestAnEventThatNATSRefusesStaysInTheQueue(t *testing.T) {
	user := &server.User{Username: "app", Password: "hunter2", Permissions: &server.Permissions{
		Publish: &server.SubjectPermission{Deny: []string{defaultChannel}},
	}}
	q, s := startQueue(t), startNATS(t, -1, user)
	r := start(t, variables{"TYPEDSECRET_RELAY_NATS_PASSWORD": "hunter2"}, "-queue", q.url, "-nats", s.ClientURL(), "-nats-user", "app")
	for range 3 {
		q.send(event)
		next(t, "message given back", q.back)
		said := fmt.Sprint(r.logged("queue or event failed")["error"])
		if !strings.Contains(said, `target nats: nats: permissions violation: Permissions Violation for Publish to "rotations"`) || strings.Contains(said, "hunter") {
			t.Error(said)
		}
	}
	if len(q.deleted) > 0 {
		t.Error("the event was deleted")
	}
}

// The relay's own password is rotated: first at NATS, which refuses several logins, and then in
// the secret.
func TestARotatedPasswordIsFoundAtTheNextLogin(t *testing.T) {
	manager, c := secrettest.NewCache(t, cache.Config{})
	typedsecret.SetDefault(c)
	t.Cleanup(func() { typedsecret.SetDefault(nil) })
	manager.Seed(t, "prod/nats", `{"username":"app","password":"first"}`)
	q, s := startQueue(t), startNATS(t, -1, &server.User{Username: "app", Password: "first"})
	at := port(s)
	start(t, nil, "-queue", q.url, "-nats", s.ClientURL(), "-nats-secret", "prod/nats")
	q.send(event)
	next(t, "deleted message", q.deleted)

	s.Shutdown()
	s.WaitForShutdown()
	s = startNATS(t, at, &server.User{Username: "app", Password: "second"})
	refused := manager.CallsFor("prod/nats", "GetSecretValue") + 3 // each login reads the secret
	for until, pause := time.After(deadline), time.Tick(20*time.Millisecond); manager.CallsFor("prod/nats", "GetSecretValue") < refused; {
		select {
		case <-pause:
		case <-until:
			t.Fatal("the relay does not log in again")
		}
	}
	manager.Rotate(t, "prod/nats", `{"username":"app","password":"second"}`)
	messages := subscribe(t, s, defaultChannel, nats.UserInfo("app", "second"))
	q.send(event)
	q.redeliverUntilTaken(t)
	next(t, "message", messages)
}
