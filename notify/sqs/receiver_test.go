package sqsnotify_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/notify"
	sqsnotify "github.com/typedsecret/typedsecret/notify/sqs"
)

// moved is the event that Secrets Manager sends of a secret's rotation.
func moved(name string) string {
	return fmt.Sprintf(`{"version":"0","detail-type":"Secret Label Updated","source":"aws.secretsmanager","time":"2024-02-06T16:43:48Z",
		"resources":["arn:aws:secretsmanager:eu-west-1:123456789012:secret:%s-a1b2c3"],
		"detail":{"name":%[1]q,"labelUpdated":"AWSCURRENT","versionId":"a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"}}`, name)
}

// A run is a Receiver at work.
type run struct {
	q    *queue
	stop func() // ends ctx, and returns when Receive has

	mu      sync.Mutex // guards the fields below
	took    []string   // the names, in the order in which they came
	at      []time.Duration
	reports []string
}

// receive runs a Receiver of q until the test ends. The zero Config is right for most tests.
func receive(t testing.TB, q *queue, cfg sqsnotify.Config, handle func(context.Context, notify.Event) error) *run {
	t.Helper()
	r, began := &run{q: q}, time.Now()
	if cfg.Client == nil {
		cfg.Client = q.client(t)
	}
	cfg.QueueURL = queueURL
	cfg.OnError = func(err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.reports = append(r.reports, err.Error())
	}
	receiver, err := sqsnotify.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- receiver.Receive(ctx, func(ctx context.Context, e notify.Event) error {
			r.mu.Lock()
			r.took, r.at = append(r.took, e.Name), append(r.at, time.Since(began))
			r.mu.Unlock()
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

func (r *run) seen() (took, reports []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.took...), append([]string(nil), r.reports...)
}

// left fails the test if the queue has not this many messages.
func (r *run) left(t *testing.T, visible, inFlight int) {
	t.Helper()
	if v, f := r.q.counts(); v != visible || f != inFlight {
		t.Errorf("%d messages are visible and %d in flight; want %d and %d", v, f, visible, inFlight)
	}
}

func TestAMessageIsDeletedWhenItsEventWasTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := startQueue(t)
		var before int
		r := receive(t, q, sqsnotify.Config{}, func(context.Context, notify.Event) error {
			_, before = q.counts()
			return nil
		})
		synctest.Wait()
		q.send(moved("prod/db"))
		synctest.Wait()
		if before != 1 {
			t.Errorf("%d messages were in the queue when the event was handed over", before)
		}
		r.left(t, 0, 0)
		time.Sleep(time.Hour)
		if took, reports := r.seen(); !cmp.Equal(took, []string{"prod/db"}) || len(reports) > 0 || r.at[0] != 0 {
			t.Errorf("took %q after %v, reported %q", took, r.at, reports)
		}
		if n := len(q.made("ReceiveMessage")); n > 182 {
			t.Errorf("%d requests in an hour with one message; a wait is 20 s", n)
		}
	})
}

func TestRawMessagesAndEnvelopesAreRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := startQueue(t)
		r := receive(t, q, sqsnotify.Config{}, nil)
		envelope, err := json.Marshal(map[string]string{"Type": "Notification", "Message": moved("b"), "Timestamp": "2024-02-06T16:43:49.000Z"})
		if err != nil {
			t.Fatal(err)
		}
		q.send(moved("a"), string(envelope))
		synctest.Wait()
		if took, reports := r.seen(); !cmp.Equal(took, []string{"a", "b"}) || len(reports) > 0 {
			t.Errorf("took %q, reported %q", took, reports)
		}
	})
}

func TestARefusedEventComesAgainLaterAndLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := startQueue(t)
		left := 8
		r := receive(t, q, sqsnotify.Config{}, func(context.Context, notify.Event) error {
			if left--; left < 0 {
				return nil
			}
			return errors.New("the cache is busy")
		})
		q.send(moved("prod/db"))
		time.Sleep(time.Hour)
		var want []time.Duration
		for _, seconds := range []int{0, 1, 3, 7, 15, 31, 63, 123, 183} {
			want = append(want, time.Duration(seconds)*time.Second)
		}
		if diff := cmp.Diff(want, r.at); diff != "" {
			t.Errorf("it came (-want +got):\n%s", diff)
		}
		_, reports := r.seen()
		if len(reports) != 8 || reports[0] != "sqsnotify: "+queueURL+": notify: an event (label moved prod/db) is not taken: the cache is busy" {
			t.Errorf("reported %q", reports)
		}
		r.left(t, 0, 0)
	})
}

func TestWhatIsNoEventIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := startQueue(t)
		r := receive(t, q, sqsnotify.Config{}, nil)
		const read = `{"detail-type":"AWS API Call via CloudTrail","source":"aws.secretsmanager",
			"detail":{"eventSource":"secretsmanager.amazonaws.com","eventName":"GetSecretValue","requestParameters":{"secretId":"a"}}}`
		q.send("hunter2", read, strings.Repeat("a", notify.MaxSize+1), "", moved("prod/db"))
		synctest.Wait()
		took, reports := r.seen()
		if !cmp.Equal(took, []string{"prod/db"}) || len(reports) != 3 {
			t.Fatalf("took %q, reported %q", took, reports)
		}
		for i, want := range []string{"a message is given up: no event that is known: it is no JSON", "a message is given up: no event that is known: it has 262145 bytes", "a message is given up"} {
			if !strings.Contains(reports[i], want) || strings.Contains(reports[i], "hunter2") {
				t.Errorf("reported %q, want %q", reports[i], want)
			}
		}
		r.left(t, 0, 0)
	})
}

func TestEndingWaitsForHandleAndGivesTheRestBackAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := startQueue(t)
		q.send(moved("a"), "hunter2", moved("c"), moved("d"))
		entered, release := make(chan struct{}), make(chan struct{})
		r := receive(t, q, sqsnotify.Config{}, func(context.Context, notify.Event) error {
			close(entered)
			<-release
			return nil
		})
		<-entered
		stopped := make(chan struct{})
		go func() { r.stop(); close(stopped) }()
		time.Sleep(time.Second)
		select {
		case <-stopped:
			t.Error("Receive did not wait for handle")
		default:
		}
		close(release)
		<-stopped
		r.left(t, 3, 0)
		if took, reports := r.seen(); !cmp.Equal(took, []string{"a"}) || len(reports) > 0 {
			t.Errorf("took %q, reported %q", took, reports)
		}
	})
}

func TestAnEventThatTheEndInterruptsIsVisibleAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := startQueue(t)
		q.send(moved("a"))
		r := receive(t, q, sqsnotify.Config{}, func(ctx context.Context, _ notify.Event) error {
			<-ctx.Done()
			return ctx.Err()
		})
		synctest.Wait()
		r.stop()
		r.left(t, 1, 0)
		if _, reports := r.seen(); len(reports) > 0 {
			t.Errorf("reported %q", reports)
		}
	})
}

func TestEndingDoesNotWaitForTheNextMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := receive(t, startQueue(t), sqsnotify.Config{Pollers: 3}, nil)
		synctest.Wait()
		began := time.Now()
		r.stop()
		if took := time.Since(began); took > 250*time.Millisecond {
			t.Errorf("the end took %v", took)
		}
		if _, reports := r.seen(); len(reports) > 0 {
			t.Errorf("reported %q", reports)
		}
	})
}

func TestAnAnswerThatIsOnItsWayAtTheEndIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := startQueue(t)
		r := receive(t, q, sqsnotify.Config{}, nil)
		synctest.Wait()
		time.AfterFunc(100*time.Millisecond, func() { q.send(moved("a")) })
		r.stop()
		r.left(t, 1, 0)
		if took, reports := r.seen(); len(took) > 0 || len(reports) > 0 {
			t.Errorf("took %q, reported %q", took, reports)
		}
	})
}

func TestSeveralPollersHandOverAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := startQueue(t)
		release := make(chan struct{})
		r := receive(t, q, sqsnotify.Config{Pollers: 3}, func(context.Context, notify.Event) error { <-release; return nil })
		for _, name := range []string{"a", "b", "c"} {
			synctest.Wait()
			q.send(moved(name))
		}
		synctest.Wait()
		if took, _ := r.seen(); len(took) != 3 {
			t.Errorf("took %q while none was done", took)
		}
		close(release)
		synctest.Wait()
		r.left(t, 0, 0)
		if n := q.waiting; n != 3 {
			t.Errorf("%d pollers wait", n)
		}
	})
}

func TestAWrongSettingIsRefused(t *testing.T) {
	good := sqsnotify.Config{Client: &sqs.Client{}, QueueURL: queueURL}
	for name, row := range map[string]struct {
		change func(*sqsnotify.Config)
		says   string
	}{
		"no client":        {func(c *sqsnotify.Config) { c.Client = nil }, "Config.Client is nil; sqs.NewFromConfig makes one"},
		"no queue":         {func(c *sqsnotify.Config) { c.QueueURL = "" }, "Config.QueueURL is empty; GetQueueUrl returns"},
		"a name":           {func(c *sqsnotify.Config) { c.QueueURL = "rotations" }, "Config.QueueURL is no URL; GetQueueUrl returns"},
		"an ARN":           {func(c *sqsnotify.Config) { c.QueueURL = "arn:aws:sqs:eu-west-1:123456789012:rotations" }, "Config.QueueURL is no URL"},
		"a password":       {func(c *sqsnotify.Config) { c.QueueURL = "https://a:hunter2@sqs/1/b" }, "Config.QueueURL has a user, a query or a fragment"},
		"negative pollers": {func(c *sqsnotify.Config) { c.Pollers = -1 }, "Config.Pollers is -1; it must be positive, or 0 for 1"},
	} {
		cfg := good
		row.change(&cfg)
		_, err := sqsnotify.New(cfg)
		if err == nil || !strings.Contains(err.Error(), row.says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %q", name, err, row.says)
		}
	}
	r, err := sqsnotify.New(good)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Receive(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "the function that takes the events is nil") {
		t.Errorf("without a handle: %v", err)
	}
}
