package natsnotify_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typedsecret/typedsecret/internal/awsevent"
	"github.com/typedsecret/typedsecret/notify"
	natsnotify "github.com/typedsecret/typedsecret/notify/nats"
	"github.com/typedsecret/typedsecret/notify/notifytest"
)

// patience is how long a test waits for what is to come.
const patience = 30 * time.Second

func (s *natsServer) receiver(t testing.TB, change func(*natsnotify.Config)) *natsnotify.Receiver {
	t.Helper()
	cfg := natsnotify.Config{
		URL:         s.url(),
		Subject:     subject,
		Credentials: func(context.Context, bool) (nats.Option, error) { return s.login(), nil },
	}
	if change != nil {
		change(&cfg)
	}
	r, err := natsnotify.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestConformance(t *testing.T) {
	notifytest.Run(t, func(t testing.TB) notifytest.Harness {
		s := startServer(t)
		must := func(err error) {
			if err != nil {
				t.Error(err)
			}
		}
		return notifytest.Harness{
			Receiver: func(onError func(error)) notify.Receiver {
				return s.receiver(t, func(cfg *natsnotify.Config) { cfg.OnError = onError })
			},
			Send: func(message []byte) { must(s.publish(message)) },
			Break: func() func() {
				s.stop()
				return func() { must(s.start()) }
			},
			RotateCredentials: func() { must(s.rotate()) },
			AnyBytes:          true,
		}
	})
}

// receive calls Receive until the test ends, and returns what comes and what is reported.
func receive(t *testing.T, s *natsServer, change func(*natsnotify.Config), handle func(notify.Event) error) (reports <-chan error) {
	t.Helper()
	errs := make(chan error, 1_000)
	r := s.receiver(t, func(cfg *natsnotify.Config) {
		cfg.OnError = func(err error) { errs <- err }
		if change != nil {
			change(cfg)
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := r.Receive(ctx, func(_ context.Context, e notify.Event) error { return handle(e) }); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return errs
}

// await returns the next thing that comes.
func await[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(patience):
		t.Fatalf("waited %v for %s", patience, what)
		panic("unreachable")
	}
}

// awaitSubscribers waits until the server knows of so many subscriptions.
func awaitSubscribers(t *testing.T, s *natsServer, want int) {
	t.Helper()
	for end := time.Now().Add(patience); s.subscribers() < want; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v for %d subscriptions; there are %d", patience, want, s.subscribers())
		}
	}
}

func native(name string) []byte { return []byte(awsevent.Native(name, awsevent.Version)) }

// TestAFleetIsTold publishes one event for 200 processes.
func TestAFleetIsTold(t *testing.T) {
	const processes = 200
	s := startServer(t)
	told := make(chan notify.Event, processes)
	for range processes {
		receive(t, s, nil, func(e notify.Event) error { told <- e; return nil })
	}
	awaitSubscribers(t, s, processes)
	if err := s.publish(native("prod/db")); err != nil {
		t.Fatal(err)
	}
	for range processes {
		if e := await(t, "an event in each process", told); e.Name != "prod/db" {
			t.Errorf("got %+v", e)
		}
	}
}

// TestARestartUnderLoad restarts the server while events are published: a process that has
// not got an event gets Missed after it.
func TestARestartUnderLoad(t *testing.T) {
	s := startServer(t)
	events := make(chan notify.Event, 1_000)
	receive(t, s, nil, func(e notify.Event) error { events <- e; return nil })
	awaitSubscribers(t, s, 1)
	for round := range 3 {
		sent := 0
		for ; sent < 50; sent++ {
			if err := s.publish(native(fmt.Sprint("secret-", round, "-", sent))); err != nil {
				t.Fatal(err)
			}
		}
		s.stop()
		if err := s.start(); err != nil {
			t.Fatal(err)
		}
		if err := s.publish(native("meanwhile")); err != nil { // nobody is connected, perhaps
			t.Fatal(err)
		}
		for {
			if await(t, "Missed after a restart", events).Kind == notify.Missed {
				break
			}
		}
	}
}

// TestEventsThatAreDroppedAreMissed has events come faster than they are taken.
func TestEventsThatAreDroppedAreMissed(t *testing.T) {
	s := startServer(t)
	goOn, began, missed := make(chan struct{}), make(chan struct{}, 1_000), make(chan struct{}, 1_000)
	reports := receive(t, s, func(cfg *natsnotify.Config) {
		cfg.Options = []nats.Option{nats.SyncQueueLen(10)}
	}, func(e notify.Event) error {
		if e.Kind == notify.Missed {
			missed <- struct{}{}
			return nil
		}
		began <- struct{}{}
		<-goOn
		return nil
	})
	defer func() { // let a call of handle return
		select {
		case <-goOn:
		default:
			close(goOn)
		}
	}()
	awaitSubscribers(t, s, 1)
	for i := range 100 {
		if err := s.publish(native(fmt.Sprint("secret-", i))); err != nil {
			t.Fatal(err)
		}
		if i == 0 { // or all might be dropped before handle is called
			await(t, "the first event", began)
		}
	}
	close(goOn)
	await(t, "Missed", missed)
	if err := await(t, "a report", reports); !errors.Is(err, nats.ErrSlowConsumer) || !strings.Contains(err.Error(), "events on rotations have been dropped") {
		t.Errorf("reported: %v", err)
	}
	// It goes on.
	if err := s.publish(native("after")); err != nil {
		t.Fatal(err)
	}
	await(t, "an event after it", began)
}

// TestASilentServerIsNoticed has a network in between that carries nothing more, and tells
// nobody.
func TestASilentServerIsNoticed(t *testing.T) {
	s := startServer(t)
	between := startProxy(t, strings.TrimPrefix(s.url(), "nats://"))
	events := make(chan notify.Event, 1_000)
	reports := receive(t, s, func(cfg *natsnotify.Config) {
		cfg.URL = "nats://" + between.address()
		cfg.Options = []nats.Option{nats.PingInterval(20 * time.Millisecond)}
	}, func(e notify.Event) error { events <- e; return nil })
	awaitSubscribers(t, s, 1)
	between.silence()
	if err := s.publish(native("lost")); err != nil {
		t.Fatal(err)
	}
	if err := await(t, "a report", reports); !errors.Is(err, nats.ErrStaleConnection) {
		t.Errorf("reported: %v", err)
	}
	if e := await(t, "Missed", events); e.Kind != notify.Missed {
		t.Errorf("got %+v", e)
	}
}

// TestAnotherServerTakesOver has the first of two servers away.
func TestAnotherServerTakesOver(t *testing.T) {
	s := startServer(t)
	events := make(chan notify.Event, 1_000)
	receive(t, s, func(cfg *natsnotify.Config) { cfg.URL = "nats://127.0.0.1:1, " + s.url() },
		func(e notify.Event) error { events <- e; return nil })
	awaitSubscribers(t, s, 1)
	if err := s.publish(native("prod/db")); err != nil {
		t.Fatal(err)
	}
	if e := await(t, "the event", events); e.Name != "prod/db" {
		t.Errorf("got %+v", e)
	}
}

// TestTheEndInTheMiddleOfALogin has a server that takes connections and says nothing.
func TestTheEndInTheMiddleOfALogin(t *testing.T) {
	s := startServer(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	r := s.receiver(t, func(cfg *natsnotify.Config) {
		cfg.URL = "nats://" + silent.Addr().String()
		cfg.Options = []nats.Option{nats.Timeout(100 * time.Millisecond)}
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Receive(ctx, func(context.Context, notify.Event) error { return nil }) }()
	conn, err := silent.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cancel()
	if err := await(t, "Receive to return", done); err != nil {
		t.Error(err)
	}
}

// TestWhatIsWrongIsReported: the settings may become right, so Receive goes on.
func TestWhatIsWrongIsReported(t *testing.T) {
	s := startServer(t)
	outage := errors.New("Secrets Manager is away")
	for name, row := range map[string]struct {
		change func(*natsnotify.Config)
		want   string
	}{
		"a wrong password": {func(cfg *natsnotify.Config) {
			cfg.Credentials = func(context.Context, bool) (nats.Option, error) { return nats.UserInfo("app", "hunter2"), nil }
		}, "natsnotify: no connection to " + s.url() + ": nats: Authorization Violation"},
		"no login": {func(cfg *natsnotify.Config) { cfg.Credentials = nil }, "nats: Authorization Violation"},
		"a login that is none": {func(cfg *natsnotify.Config) {
			cfg.Credentials = func(context.Context, bool) (nats.Option, error) { return nil, nil }
		}, "nats: Authorization Violation"},
		"no credentials": {func(cfg *natsnotify.Config) {
			cfg.Credentials = func(context.Context, bool) (nats.Option, error) { return nil, outage }
		}, "natsnotify: no credentials for " + s.url() + ": Secrets Manager is away"},
		"another subject":  {func(cfg *natsnotify.Config) { cfg.Subject = "others" }, `nats: permissions violation: Permissions Violation for Subscription to "others"`},
		"a subject's form": {func(cfg *natsnotify.Config) { cfg.Subject = "a b" }, "nats: invalid subject"},
		"no server":        {func(cfg *natsnotify.Config) { cfg.URL = "nats://127.0.0.1:1" }, "natsnotify: no connection to nats://127.0.0.1:1: nats: no servers available for connection"},
	} {
		t.Run(name, func(t *testing.T) {
			reports := receive(t, s, row.change, func(e notify.Event) error { t.Errorf("got %+v", e); return nil })
			for range 2 {
				err := await(t, "a report", reports)
				if text := err.Error(); !strings.Contains(text, row.want) || strings.Contains(text, "hunter2") {
					t.Errorf("got  %s\nwant %s", text, row.want)
				}
			}
		})
	}
}

func TestSettingsThatMakeNoSense(t *testing.T) {
	for want, cfg := range map[string]natsnotify.Config{
		"natsnotify: set Config.URL and Config.Subject":                                                                {},
		"natsnotify: server 2 of Config.URL is no URL; one is like nats://nats:4222":                                   {URL: "nats://a:4222,b", Subject: "s"},
		"natsnotify: server 1 of Config.URL has a login; return it from Config.Credentials, so that it may be rotated": {URL: "nats://app:hunter2@a:4222", Subject: "s"},
		"natsnotify: server 1 of Config.URL is no URL; one is like nats://nats:4222 ":                                  {URL: "nats://app:%hunter2@a:4222", Subject: "s"},
	} {
		if _, err := natsnotify.New(cfg); err == nil || err.Error() != strings.TrimSpace(want) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	r, err := natsnotify.New(natsnotify.Config{URL: "nats://a:4222", Subject: "s"})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Receive(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "the function that takes the events is nil") {
		t.Errorf("no handle: %v", err)
	}
}
