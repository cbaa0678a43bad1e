package sqsnotify_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/notify"
	sqsnotify "github.com/typedsecret/typedsecret/notify/sqs"
)

// set changes what q answers with.
func (q *queue) set(fault func(w http.ResponseWriter, c call) bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.fault = fault
}

// failing answers each call with an error.
func failing(status int, code string) func(http.ResponseWriter, call) bool {
	return func(w http.ResponseWriter, _ call) bool {
		refuse(w, status, code, "a text of SQS")
		return true
	}
}

func TestAnOutageIsReportedAndGoneThrough(t *testing.T) {
	for name, row := range map[string]struct {
		fault func(http.ResponseWriter, call) bool
		says  string
	}{
		"access denied":       {failing(400, "AccessDeniedException"), "; allow sqs:ReceiveMessage, sqs:DeleteMessage and sqs:ChangeMessageVisibility on the queue"},
		"the key is denied":   {failing(400, "KmsAccessDenied"), "; allow kms:Decrypt on the queue's key"},
		"no such queue":       {failing(400, "QueueDoesNotExist"), "; check Config.QueueURL, and that the region of Config.Client is the queue's"},
		"throttled":           {failing(400, "RequestThrottled"), "RequestThrottled"},
		"expired credentials": {failing(403, "ExpiredTokenException"), "; check the credentials of Config.Client, and the clock of this machine"},
		"SQS is down":         {failing(503, "ServiceUnavailable"), "ServiceUnavailable"},
		"an answer breaks off": {func(w http.ResponseWriter, _ call) bool {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "{")
			panic(http.ErrAbortHandler)
		}, "EOF"},
		"no answer": {func(http.ResponseWriter, call) bool { panic(http.ErrAbortHandler) }, "EOF"},
		"a proxy answers": {func(w http.ResponseWriter, _ call) bool {
			io.WriteString(w, "<html>hunter2")
			return true
		}, "deserialization failed"},
		"a hang": {hanging("ReceiveMessage"), "SQS has not answered within 35s"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := startQueue(t)
				q.set(row.fault)
				q.send(moved("prod/db"))
				r := receive(t, q, sqsnotify.Config{}, nil)
				time.Sleep(time.Hour)
				took, reports := r.seen()
				if len(took) > 0 || len(reports) < 30 || len(reports) > 1000 {
					t.Fatalf("took %q, reported %d errors in an hour", took, len(reports))
				}
				if text := reports[0]; !strings.Contains(text, row.says) || !strings.HasPrefix(text, "sqsnotify: "+queueURL+": ") || strings.Contains(text, "hunter2") {
					t.Errorf("reported %q, want %q", text, row.says)
				}
				q.set(nil)
				time.Sleep(2 * time.Minute)
				if took, _ := r.seen(); !cmp.Equal(took, []string{"prod/db"}) {
					t.Errorf("after the outage it took %q", took)
				}
				synctest.Wait()
				r.left(t, 0, 0)
				r.stop()
			})
		})
	}
}

func TestEachRequestHasTheCredentialsOfItsMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := startQueue(t)
		begun := time.Now()
		at := func(now time.Time) string {
			if now.Sub(begun) < time.Minute {
				return "OLD"
			}
			return "NEW"
		}
		q.set(func(w http.ResponseWriter, c call) bool {
			if c.key == at(time.Now()) {
				return false
			}
			refuse(w, http.StatusForbidden, "InvalidClientTokenId", "")
			return true
		})
		r := receive(t, q, sqsnotify.Config{Client: q.client(t, func(o *sqs.Options) {
			o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: at(time.Now()), SecretAccessKey: "SECRET"}, nil
			})
		})}, nil)
		q.send(moved("a"))
		time.Sleep(5 * time.Minute)
		q.send(moved("b"))
		synctest.Wait()
		if took, reports := r.seen(); !cmp.Equal(took, []string{"a", "b"}) || len(reports) > 0 {
			t.Errorf("took %q, reported %q", took, reports)
		}
		r.left(t, 0, 0)
	})
}

func TestABatchThatIsAnsweredInPartIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := startQueue(t)
		q.set(func(w http.ResponseWriter, c call) bool {
			if c.name != "DeleteMessageBatch" || len(c.in.Entries) == 1 {
				return false
			}
			one, rest := c.in, c.in.Entries[1:]
			one.Entries = one.Entries[:1]
			var failed []any
			if len(rest) == 2 { // the second time; the first time the rest is left out
				failed = append(failed, map[string]any{"Id": rest[0].ID, "Code": "InternalError", "SenderFault": false})
			}
			q.remove(one)
			answer(w, map[string]any{"Successful": []any{map[string]any{"Id": one.Entries[0].ID}}, "Failed": failed})
			return true
		})
		r := receive(t, q, sqsnotify.Config{}, nil)
		q.send(moved("a"), moved("b"), moved("c"))
		time.Sleep(time.Minute)
		if took, reports := r.seen(); !cmp.Equal(took, []string{"a", "b", "c"}) || len(reports) > 0 {
			t.Errorf("took %q, reported %q", took, reports)
		}
		r.left(t, 0, 0)
		if n := len(q.made("DeleteMessageBatch")); n != 3 {
			t.Errorf("%d batches were sent", n)
		}
	})
}

// remove deletes the messages of a batch.
func (q *queue) remove(in input) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, e := range in.Entries {
		q.messages = slices.DeleteFunc(q.messages, func(m *message) bool { return m.receipt == e.ReceiptHandle })
	}
}

func TestWhatCanNotBeDeletedComesAgainAndIsReported(t *testing.T) {
	entry := func(code string, fault bool) func(http.ResponseWriter, call) bool {
		return func(w http.ResponseWriter, c call) bool {
			if c.name != "DeleteMessageBatch" {
				return false
			}
			answer(w, map[string]any{"Failed": []any{map[string]any{"Id": c.in.Entries[0].ID, "Code": code, "SenderFault": fault}}})
			return true
		}
	}
	for name, row := range map[string]struct {
		fault func(http.ResponseWriter, call) bool
		says  string
	}{
		"left out": {func(w http.ResponseWriter, c call) bool {
			if c.name == "DeleteMessageBatch" {
				answer(w, map[string]any{})
			}
			return c.name == "DeleteMessageBatch"
		}, "SQS has not deleted 1 of 1 messages, and gives no reason"},
		"SQS's fault":  {entry("InternalError", false), "SQS has not deleted 1 of 1 messages, and gives no reason"},
		"our fault":    {entry("ReceiptHandleIsInvalid", true), "SQS has not deleted a message: ReceiptHandleIsInvalid; does handle take longer than the queue's visibility timeout?"},
		"not allowed":  {denying("DeleteMessageBatch"), "SQS has not deleted 1 of 1 messages: operation error SQS: DeleteMessageBatch"},
		"a hang of it": {hanging("DeleteMessageBatch"), "SQS has not deleted 1 of 1 messages: SQS has not answered within 5s"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := startQueue(t)
				q.visibility = 0 // the worst case: it is back at once
				q.set(row.fault)
				q.send(moved("prod/db"))
				r := receive(t, q, sqsnotify.Config{}, nil)
				time.Sleep(time.Hour)
				took, reports := r.seen() // the last may not be reported yet
				if len(took) < 30 || len(took) > 1000 || len(took)-len(reports) > 1 {
					t.Errorf("it came %d times in an hour, %d errors were reported", len(took), len(reports))
				}
				if !strings.Contains(reports[0], row.says) {
					t.Errorf("reported %q, want %q", reports[0], row.says)
				}
				q.set(nil)
				time.Sleep(2 * time.Minute)
				r.left(t, 0, 0)
			})
		})
	}
}

func denying(name string) func(http.ResponseWriter, call) bool {
	return func(w http.ResponseWriter, c call) bool {
		if c.name == name {
			refuse(w, http.StatusBadRequest, "AccessDeniedException", "")
		}
		return c.name == name
	}
}

func hanging(names ...string) func(http.ResponseWriter, call) bool {
	return func(_ http.ResponseWriter, c call) bool {
		if slices.Contains(names, c.name) {
			<-c.gone
		}
		return slices.Contains(names, c.name)
	}
}

func TestWhatIsVisibleAlreadyNeedNotBeGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := startQueue(t)
		q.set(func(w http.ResponseWriter, c call) bool {
			if c.name == "ChangeMessageVisibilityBatch" {
				answer(w, map[string]any{"Failed": []any{map[string]any{
					"Id": c.in.Entries[0].ID, "Code": "AWS.SimpleQueueService.MessageNotInflight", "SenderFault": true,
				}}})
			}
			return c.name == "ChangeMessageVisibilityBatch"
		})
		r := receive(t, q, sqsnotify.Config{}, func(context.Context, notify.Event) error { return errors.New("no") })
		q.send(moved("a"))
		synctest.Wait()
		if _, reports := r.seen(); len(reports) != 1 || !strings.HasSuffix(reports[0], "is not taken: no") {
			t.Errorf("reported %q", reports)
		}
	})
}

func TestEndingIsBoundedIfSQSHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := startQueue(t)
		q.set(hanging("DeleteMessageBatch", "ChangeMessageVisibilityBatch"))
		entered, release := make(chan struct{}), make(chan struct{})
		r := receive(t, q, sqsnotify.Config{}, func(context.Context, notify.Event) error {
			close(entered)
			<-release
			return nil
		})
		q.send(moved("a"), moved("b"))
		<-entered
		stopped := make(chan struct{})
		go func() { r.stop(); close(stopped) }()
		synctest.Wait()
		began := time.Now()
		close(release)
		<-stopped
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("the end took %v", took)
		}
		if _, reports := r.seen(); len(reports) != 1 || !strings.Contains(reports[0], "SQS has not given back 1 of 1 messages: ") || !strings.Contains(reports[0], "SQS has not deleted 1 of 1 messages: ") {
			t.Errorf("reported %q", reports)
		}
	})
}

func TestEmptyAnswersThatDoNotWaitHaveAPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := startQueue(t)
		q.set(func(w http.ResponseWriter, _ call) bool { answer(w, map[string]any{}); return true })
		receive(t, q, sqsnotify.Config{}, nil)
		time.Sleep(time.Minute - time.Millisecond)
		if n := len(q.made("ReceiveMessage")); n != 60 {
			t.Errorf("%d requests in a minute", n)
		}
	})
}

// An early is an HTTP client that answers before it has looked for the end of the request's
// body, as net/http does if the service is quick.
type early struct {
	answers []string
	after   []error // looking for the end
}

func (c *early) Do(r *http.Request) (*http.Response, error) {
	if len(c.answers) == 0 {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if _, err := io.CopyN(io.Discard, r.Body, r.ContentLength); err != nil {
		return nil, err
	}
	answer := strings.NewReader(c.answers[0])
	c.answers = c.answers[1:]
	body := io.MultiReader(readerFunc(func([]byte) (int, error) {
		_, err := io.Copy(io.Discard, r.Body)
		c.after = append(c.after, err)
		return 0, io.EOF
	}), answer)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(body), Request: r}, nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestAnAnswerThatBeginsEarlyLosesNoMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := startQueue(t)
		client := &early{answers: []string{`{"Messages":[{"MessageId":"m","ReceiptHandle":"r","Body":"{}","MD5OfBody":"99914b932bd37a50b983c5e7c90ae93b"}]}`, `{"Successful":[{"Id":"0"}]}`}}
		r := receive(t, q, sqsnotify.Config{Client: q.client(t, func(o *sqs.Options) { o.HTTPClient = client })}, nil)
		synctest.Wait()
		r.stop()
		if diff := cmp.Diff([]error{nil, nil}, client.after); diff != "" {
			_, reports := r.seen()
			t.Errorf("looking for the end of the requests' bodies (-want +got):\n%s\nreported %q", diff, reports)
		}
	})
}
