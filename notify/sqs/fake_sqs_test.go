package sqsnotify_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

const queueURL = "https://sqs.eu-west-1.amazonaws.com/123456789012/rotations"

// A queue is one SQS queue behind an HTTP server, which the SDK reaches by pipes. So a test can
// run in a bubble of synctest, and make faults that no emulator makes.
type queue struct {
	visibility time.Duration // its visibility timeout

	// fault answers a call in the queue's place, if it returns true. It is set before the
	// first call, or guarded by mu.
	fault func(w http.ResponseWriter, c call) bool

	mu       sync.Mutex // guards the fields below
	messages []*message
	sent     int
	changed  chan struct{} // closed by each change
	calls    []call
	waiting  int           // requests that wait for messages
	broken   chan struct{} // closed while no request is answered

	pipes chan net.Conn
}

type message struct {
	id, body, receipt string
	visible           time.Time
	count             int
}

// A call is a request of the SDK.
type call struct {
	name string // the operation
	at   time.Time
	key  string // the access key
	in   input
	gone <-chan struct{} // closed when the client has gone
}

// An input has the fields of all operations.
type input struct {
	WaitTimeSeconds, MaxNumberOfMessages int
	Entries                              []struct {
		ID                string `json:"Id"`
		ReceiptHandle     string
		VisibilityTimeout int
	}
}

// startQueue serves a queue for a test.
func startQueue(t testing.TB) *queue {
	t.Helper()
	q := &queue{visibility: 30 * time.Second, changed: make(chan struct{}), broken: make(chan struct{}), pipes: make(chan net.Conn)}
	server := &http.Server{Handler: q}
	done := make(chan struct{})
	go func() { defer close(done); server.Serve(listener{q.pipes, make(chan struct{})}) }()
	t.Cleanup(func() { server.Close(); <-done })
	return q
}

// A listener accepts pipes.
type listener struct {
	pipes  chan net.Conn
	closed chan struct{}
}

func (l listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.pipes:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l listener) Close() error   { close(l.closed); return nil }
func (l listener) Addr() net.Addr { return &net.UnixAddr{} }

// client returns an SDK client of the queue.
func (q *queue) client(t testing.TB, options ...func(*sqs.Options)) *sqs.Client {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		near, far := net.Pipe()
		select {
		case q.pipes <- far:
			return near, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return sqs.New(sqs.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String("http://sqs"),
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "SECRET", ""),
		HTTPClient:  &http.Client{Transport: transport},
	}, options...)
}

// send puts messages into the queue.
func (q *queue) send(bodies ...string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, body := range bodies {
		q.sent++
		q.messages = append(q.messages, &message{id: fmt.Sprintf("m%d", q.sent), body: body, visible: time.Now()})
	}
	q.change()
}

func (q *queue) change() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// counts returns how many messages are visible, and how many are not.
func (q *queue) counts() (visible, inFlight int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, m := range q.messages {
		if m.visible.After(time.Now()) {
			inFlight++
		} else {
			visible++
		}
	}
	return visible, inFlight
}

// made returns the calls of an operation.
func (q *queue) made(name string) (calls []call) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, c := range q.calls {
		if c.name == name {
			calls = append(calls, c)
		}
	}
	return calls
}

func (q *queue) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), "AmazonSQS.")
	_, key, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	key, _, _ = strings.Cut(key, "/")
	c := call{name: name, at: time.Now(), key: key, gone: r.Context().Done()}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &c.in)
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequest", err.Error())
		return
	}
	q.mu.Lock()
	q.calls = append(q.calls, c)
	fault, broken := q.fault, q.broken
	q.mu.Unlock()
	select {
	case <-broken:
		panic(http.ErrAbortHandler)
	default:
	}
	if fault != nil && fault(w, c) {
		return
	}
	switch name {
	case "ReceiveMessage":
		q.receive(r.Context(), broken, w, c.in)
	case "DeleteMessageBatch", "ChangeMessageVisibilityBatch":
		q.settle(w, name, c.in)
	default:
		refuse(w, http.StatusBadRequest, "InvalidAction", name)
	}
}

// receive answers when there is a message, or the wait is over.
func (q *queue) receive(ctx context.Context, broken chan struct{}, w http.ResponseWriter, in input) {
	end := time.NewTimer(time.Duration(in.WaitTimeSeconds) * time.Second)
	defer end.Stop()
	q.mu.Lock()
	q.waiting++
	q.mu.Unlock()
	defer func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.waiting--
	}()
	for {
		out, next, changed := q.take(in.MaxNumberOfMessages)
		if len(out) > 0 {
			answer(w, map[string]any{"Messages": out})
			return
		}
		again := time.NewTimer(next)
		select {
		case <-changed:
		case <-again.C:
		case <-end.C:
			again.Stop()
			answer(w, map[string]any{})
			return
		case <-broken:
			again.Stop()
			panic(http.ErrAbortHandler)
		case <-ctx.Done():
			again.Stop()
			return
		}
		again.Stop()
	}
}

// take returns messages that are visible, or when the next will be.
func (q *queue) take(most int) (out []any, next time.Duration, changed chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	next = time.Hour
	for _, m := range q.messages {
		if left := time.Until(m.visible); left > 0 {
			next = min(next, left)
			continue
		}
		if len(out) == most {
			break
		}
		m.count++
		m.visible, m.receipt = time.Now().Add(q.visibility), fmt.Sprintf("%s-%d", m.id, m.count)
		sum := md5.Sum([]byte(m.body))
		out = append(out, map[string]any{
			"MessageId": m.id, "ReceiptHandle": m.receipt, "Body": m.body, "MD5OfBody": hex.EncodeToString(sum[:]),
			"Attributes": map[string]string{"ApproximateReceiveCount": strconv.Itoa(m.count)},
		})
	}
	return out, next, q.changed
}

// settle deletes messages, or changes when they are visible.
func (q *queue) settle(w http.ResponseWriter, name string, in input) {
	q.mu.Lock()
	defer q.mu.Unlock()
	good, bad := []any{}, []any{}
	for _, e := range in.Entries {
		at := -1
		for i, m := range q.messages {
			if m.receipt == e.ReceiptHandle {
				at = i
			}
		}
		switch {
		case at < 0:
			bad = append(bad, map[string]any{"Id": e.ID, "Code": "ReceiptHandleIsInvalid", "SenderFault": true})
			continue
		case name == "DeleteMessageBatch":
			q.messages = append(q.messages[:at:at], q.messages[at+1:]...)
		default:
			q.messages[at].visible = time.Now().Add(time.Duration(e.VisibilityTimeout) * time.Second)
		}
		good = append(good, map[string]any{"Id": e.ID})
	}
	q.change()
	answer(w, map[string]any{"Successful": good, "Failed": bad})
}

func answer(w http.ResponseWriter, out any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	json.NewEncoder(w).Encode(out)
}

// refuse answers with an error, as SQS's JSON protocol has it.
func refuse(w http.ResponseWriter, status int, code, text string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"__type": "com.amazonaws.sqs#" + code, "message": text})
}
