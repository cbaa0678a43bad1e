package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/awsevent"
)

// event is in the queue, and passedOn is what a relay makes of it.
var (
	event    = awsevent.Native("prod/db", awsevent.Version)
	passedOn = `{"source":"typedsecret.relay","detail-type":"label moved","time":"` + awsevent.Time + `",` +
		`"detail":{"arn":"` + awsevent.ARN("prod/db") + `","name":"prod/db","stages":["AWSCURRENT"],"versionId":"` + awsevent.Version + `"}}`
)

// deadline is for what takes milliseconds, or two seconds after a server was away.
const deadline = time.Minute

// next returns the next value of a channel.
func next[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case value := <-c:
		return value
	case <-time.After(deadline):
		t.Fatalf("no %s", what)
		panic("unreachable")
	}
}

// A running relay.
type running struct {
	t       *testing.T
	records chan map[string]any // its log
	stop    context.CancelFunc
	exit    chan int
	url     string
}

// start starts a relay as a program does.
func start(t *testing.T, env variables, args ...string) *running {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	r := &running{t: t, records: make(chan map[string]any, 10_000), stop: stop, exit: make(chan int, 1)}
	logs, out := io.Pipe()
	go func() {
		lines := bufio.NewScanner(logs)
		for lines.Scan() {
			record := map[string]any{}
			if json.Unmarshal(lines.Bytes(), &record) != nil {
				record["msg"] = lines.Text()
			}
			r.records <- record
		}
	}()
	go func() {
		r.exit <- run(ctx, append([]string{"-listen", "127.0.0.1:0"}, args...), env.lookUp, out)
		out.Close()
	}()
	t.Cleanup(func() {
		stop()
		if status := next(t, "exit", r.exit); status != 0 {
			t.Errorf("exit %d", status)
		}
	})
	r.url = "http://" + r.logged("relay started")["address"].(string)
	return r
}

// logged returns the next record with a message.
func (r *running) logged(msg string) map[string]any {
	r.t.Helper()
	for {
		if record := next(r.t, "log of "+msg, r.records); record["msg"] == msg {
			return record
		}
	}
}

func (r *running) get(path string) (status int, body string) {
	r.t.Helper()
	resp, err := http.Get(r.url + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// measured checks lines of /metrics.
func (r *running) measured(lines ...string) {
	r.t.Helper()
	_, body := r.get("/metrics")
	for _, line := range lines {
		if !strings.Contains(body, "\n"+line) {
			r.t.Errorf("/metrics has no line %s", line)
		}
	}
	if strings.Contains(body, "prod/db") {
		r.t.Error("a metric has a secret's name")
	}
}

// A targetFunc is a target that publishes by a function.
type targetFunc func(ctx context.Context, message []byte) error

func (targetFunc) name() string                                        { return "func" }
func (f targetFunc) publish(ctx context.Context, message []byte) error { return f(ctx, message) }
func (targetFunc) ping(context.Context) error                          { return nil }
func (targetFunc) close()                                              {}

// relayTo runs a relay with these targets, and returns what ends it and waits for its end.
func relayTo(t *testing.T, q *fakeQueue, timeout time.Duration, targets ...target) (stop func(), ended <-chan struct{}) {
	t.Helper()
	r := &relay{timeout: timeout, health: newHealth(time.Minute), metrics: newMetrics(), log: slog.New(slog.DiscardHandler)}
	for _, each := range targets {
		r.add(each, nil)
	}
	var err error
	if r.receiver, err = r.newReceiver(t.Context(), settings{queue: q.url}); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		r.run(ctx, listener)
		close(done)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return cancel, done
}

func TestAMessageIsDeletedOnlyWhenEachTargetHasIt(t *testing.T) {
	q := startQueue(t)
	good, bad := make(chan string, 9), make(chan string, 9)
	tries := 0
	relayTo(t, q, deadline,
		targetFunc(func(_ context.Context, message []byte) error { good <- string(message); return nil }),
		targetFunc(func(_ context.Context, message []byte) error {
			bad <- string(message)
			if tries++; tries == 1 {
				return errors.New("outage")
			}
			return nil
		}))
	q.send(event)
	for _, each := range []<-chan string{good, bad} {
		if got := next(t, "message", each); got != passedOn {
			t.Errorf("got  %s\nwant %s", got, passedOn)
		}
	}
	if body := next(t, "message given back", q.back); body != event || len(q.deleted) > 0 {
		t.Errorf("given back: %s; %d deleted", body, len(q.deleted))
	}
	q.redeliver()
	next(t, "message", good)
	next(t, "message", bad)
	if body := next(t, "deleted message", q.deleted); body != event {
		t.Errorf("deleted: %s", body)
	}
}

// After SIGTERM a relay publishes the events under way, and deletes their messages from the queue.
func TestWhatIsUnderWayIsPublishedBeforeTheEnd(t *testing.T) {
	q := startQueue(t)
	begun, goOn := make(chan struct{}), make(chan struct{})
	stop, ended := relayTo(t, q, deadline, targetFunc(func(ctx context.Context, _ []byte) error {
		close(begun)
		<-goOn
		return ctx.Err()
	}))
	q.send(event, event)
	next(t, "publish", begun)
	stop()
	close(goOn)
	next(t, "end", ended)
	if len(q.deleted) != 1 || len(q.back) != 1 {
		t.Errorf("of two messages, %d are deleted and %d given back", len(q.deleted), len(q.back))
	}
}

func TestATargetHasItsTime(t *testing.T) {
	q := startQueue(t)
	why := make(chan error, 9)
	relayTo(t, q, time.Millisecond, targetFunc(func(ctx context.Context, _ []byte) error {
		<-ctx.Done()
		why <- ctx.Err()
		return ctx.Err()
	}))
	q.send(event)
	if err := next(t, "end of a publish", why); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	next(t, "message given back", q.back)
}

func TestAnAddressThatIsTakenIsExit1(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	q := startQueue(t)
	var out strings.Builder
	status := run(t.Context(), []string{"-queue", q.url, "-redis", "redis://127.0.0.1:1", "-listen", listener.Addr().String()}, variables{}.lookUp, &out)
	if status != 1 || !strings.Contains(out.String(), "\ntypedsecret-relay: -listen: ") {
		t.Errorf("exit %d, %s", status, out.String())
	}
}
