package redisnotify_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/typedsecret/typedsecret/notify"
	redisnotify "github.com/typedsecret/typedsecret/notify/redis"
)

const channel = "rotations"

// moved is the event that Secrets Manager sends of a secret's rotation.
func moved(name string) string {
	return fmt.Sprintf(`{"version":"0","detail-type":"Secret Label Updated","source":"aws.secretsmanager","time":"2024-02-06T16:43:48Z",
		"resources":["arn:aws:secretsmanager:eu-west-1:123456789012:secret:%s-a1b2c3"],
		"detail":{"name":%[1]q,"labelUpdated":"AWSCURRENT","versionId":"a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"}}`, name)
}

// A run is a Receiver at work. Its channels are long enough for what a test sends.
type run struct {
	testing.TB
	took    chan string // names, or the kind of an event without one
	reports chan string
	stop    func() // ends ctx, and returns when Receive has
}

// receive runs a Receiver until the test ends, and returns when it is subscribed.
func receive(t testing.TB, s *server, client redisnotify.Client, handle func(context.Context, notify.Event) error, options ...func(*redisnotify.Receiver)) *run {
	t.Helper()
	r := begin(t, client, handle, options...)
	r.subscribed(s)
	return r
}

// begin runs a Receiver until the test ends.
func begin(t testing.TB, client redisnotify.Client, handle func(context.Context, notify.Event) error, options ...func(*redisnotify.Receiver)) *run {
	t.Helper()
	r := &run{TB: t, took: make(chan string, 10_000), reports: make(chan string, 10_000)}
	receiver, err := redisnotify.New(redisnotify.Config{
		Client: client, Channel: channel, OnError: func(err error) { r.reports <- err.Error() },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range options {
		set(receiver)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- receiver.Receive(ctx, func(ctx context.Context, e notify.Event) error {
			name := e.Name
			if name == "" {
				name = string(e.Kind)
			}
			r.took <- name
			if handle == nil {
				return nil
			}
			return handle(ctx, e)
		})
	}()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Receive returned %v", err)
		}
	})
	t.Cleanup(r.stop)
	return r
}

// deadline is when a test gives up waiting for what is to come.
func deadline() <-chan time.Time { return time.After(30 * time.Second) }

// next returns what comes next.
func next(t testing.TB, from chan string) string {
	t.Helper()
	return nextUntil(t, from, deadline())
}

func nextUntil(t testing.TB, from chan string, end <-chan time.Time) string {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-end:
		t.Fatal("nothing came")
		return ""
	}
}

// wants fails the test if other events come next than these.
func (r *run) wants(names ...string) {
	r.Helper()
	for _, name := range names {
		if got := next(r, r.took); got != name {
			r.Fatalf("%q came, want %q", got, name)
		}
	}
}

// wantsReport reads reports until one has this text.
func (r *run) wantsReport(text string) {
	r.Helper()
	for end := deadline(); ; {
		got := nextUntil(r, r.reports, end)
		if strings.Contains(got, "hunter2") || !strings.HasPrefix(got, `redisnotify: channel "rotations": `) {
			r.Errorf("reported %q", got)
		}
		if strings.Contains(got, text) {
			return
		}
	}
}

// subscribed returns when the server has one subscriber.
func (r *run) subscribed(s *server) {
	r.Helper()
	for end := deadline(); ; {
		n, err := s.admin.PubSubNumSub(context.Background(), channel).Result()
		if err != nil {
			r.Fatal(err)
		}
		if n[channel] == 1 {
			return
		}
		select {
		case <-end:
			r.Fatal("it does not subscribe")
		case <-time.After(time.Millisecond):
		}
	}
}

const missed = string(notify.Missed)

func newClient(t testing.TB, opt *redis.Options) *redis.Client {
	client := redis.NewClient(opt)
	t.Cleanup(func() { client.Close() })
	return client
}

func TestEventsAreHandedOverInOrder(t *testing.T) {
	s := startRedis(t)
	r := receive(t, s, newClient(t, s.options()), nil)
	var want []string
	for i := range 100 {
		name := fmt.Sprint("prod/", i)
		want = append(want, name)
		s.publish(channel, moved(name))
	}
	r.wants(want...)
	r.stop()
	if len(r.took) > 0 || len(r.reports) > 0 {
		t.Errorf("%d further events and %d reports", len(r.took), len(r.reports))
	}
}

func TestWhatIsNoEventIsGivenUp(t *testing.T) {
	s := startRedis(t)
	r := receive(t, s, newClient(t, s.options()), nil)
	const read = `{"detail-type":"AWS API Call via CloudTrail","source":"aws.secretsmanager",
		"detail":{"eventSource":"secretsmanager.amazonaws.com","eventName":"GetSecretValue","requestParameters":{"secretId":"a"}}}`
	for _, message := range []string{"hunter2", "", "\x00\xff\r\n", read, strings.Repeat("a", notify.MaxSize+1), moved("a")} {
		s.publish(channel, message)
	}
	s.publish("another", moved("b"))
	s.publish(channel, moved("c"))
	r.wants("a", "c")
	r.stop()
	if len(r.reports) != 4 {
		t.Errorf("%d reports", len(r.reports))
	}
	r.wantsReport("a message is given up: no event that is known: it is no JSON")
	r.wantsReport("it has 262145 bytes")
}

func TestARefusedEventIsFollowedByMissedUntilThatIsTaken(t *testing.T) {
	s := startRedis(t)
	refusals := 3
	r := receive(t, s, newClient(t, s.options()), func(context.Context, notify.Event) error {
		if refusals--; refusals < 0 {
			return nil
		}
		return errors.New("the cache is busy")
	})
	s.publish(channel, moved("a"))
	r.wants("a", missed, missed, missed)
	r.wantsReport("an event (label moved a) is not taken: the cache is busy")
	r.wantsReport("an event (events may be missed) is not taken: the cache is busy")
	s.publish(channel, moved("b"))
	r.wants("b")
}

func TestEndingWaitsForHandle(t *testing.T) {
	s := startRedis(t)
	release, ended := make(chan struct{}), make(chan struct{})
	r := receive(t, s, newClient(t, s.options()), func(ctx context.Context, _ notify.Event) error {
		<-ctx.Done()
		close(ended)
		<-release
		return ctx.Err()
	})
	s.publish(channel, moved("a"))
	s.publish(channel, moved("b"))
	r.wants("a")
	stopped := make(chan struct{})
	go func() { r.stop(); close(stopped) }()
	<-ended
	select {
	case <-stopped:
		t.Error("Receive did not wait for handle")
	default:
	}
	close(release)
	<-stopped
	if len(r.took) > 0 || len(r.reports) > 0 {
		t.Errorf("%d events came after the end, %d reports", len(r.took), len(r.reports))
	}
}

func TestAWrongSettingIsRefused(t *testing.T) {
	ring := redis.NewRing(&redis.RingOptions{})
	defer ring.Close()
	good := redisnotify.Config{Client: newClient(t, &redis.Options{}), Channel: channel}
	for name, row := range map[string]struct {
		change func(*redisnotify.Config)
		says   string
	}{
		"no client":  {func(c *redisnotify.Config) { c.Client = nil }, "redisnotify: Config.Client is nil; redis.NewClient makes one"},
		"no channel": {func(c *redisnotify.Config) { c.Channel = "" }, "redisnotify: Config.Channel is empty"},
		"a ring":     {func(c *redisnotify.Config) { c.Client = ring }, "redisnotify: Config.Client is a *redis.Ring; give the client of the shard"},
	} {
		cfg := good
		row.change(&cfg)
		if _, err := redisnotify.New(cfg); err == nil || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v, want %q", name, err, row.says)
		}
	}
	r, err := redisnotify.New(good)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("redisnotify: the function that takes the events is nil", fmt.Sprint(r.Receive(t.Context(), nil))); diff != "" {
		t.Error(diff)
	}
}

// odd answers HELLO as an old Redis does, and SUBSCRIBE with what is no reply to it.
func odd(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	go func() {
		defer far.Close()
		for lines := bufio.NewScanner(far); lines.Scan(); {
			switch strings.ToLower(lines.Text()) {
			case "hello", "client":
				io.WriteString(far, "-ERR unknown command\r\n")
			case "subscribe":
				io.WriteString(far, "*1\r\n$7\r\nhunter2\r\n")
			}
		}
	}()
	return near, nil
}

func TestWhatIsNoReplyIsNotQuoted(t *testing.T) {
	r := begin(t, newClient(t, &redis.Options{Dialer: odd}), nil)
	r.wantsReport("what Redis has sent is no reply to SUBSCRIBE or PING")
}
