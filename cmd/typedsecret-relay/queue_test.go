package main

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// A fakeQueue is one queue of SQS over HTTP. A message that was given back is delivered again
// when the test says so. The tests of the module integration have a queue of moto's.
type fakeQueue struct {
	url     string
	deleted chan string // the bodies
	back    chan string

	mu      sync.Mutex // guards the fields below
	n       int
	ready   []string          // bodies
	taken   map[string]string // bodies by receipt
	given   []string
	changed chan struct{} // closed when ready has one more
}

// startQueue starts a queue, and leads the SDK to it.
func startQueue(t *testing.T) *fakeQueue {
	t.Helper()
	q := &fakeQueue{
		deleted: make(chan string, 100), back: make(chan string, 100),
		taken: map[string]string{}, changed: make(chan struct{}),
	}
	server := httptest.NewServer(q)
	t.Cleanup(server.Close)
	q.url = server.URL + "/123456789012/rotations"
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_SQS": server.URL, "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "SECRET",
	} {
		t.Setenv(name, value)
	}
	return q
}

func (q *fakeQueue) send(bodies ...string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ready = append(q.ready, bodies...)
	close(q.changed)
	q.changed = make(chan struct{})
}

// redeliver delivers again what was given back.
func (q *fakeQueue) redeliver() {
	q.mu.Lock()
	given := q.given
	q.given = nil
	q.mu.Unlock()
	q.send(given...)
}

// redeliverUntilTaken delivers a message that was given back until it is deleted. The relay
// connects to its target meanwhile.
func (q *fakeQueue) redeliverUntilTaken(t *testing.T) (body string) {
	t.Helper()
	for until, pause := time.After(deadline), time.Tick(20*time.Millisecond); ; {
		q.redeliver()
		select {
		case body = <-q.deleted:
			return body
		case <-q.back:
			<-pause
		case <-until:
			t.Fatal("the message is not taken")
		}
	}
}

type entry struct{ Id, ReceiptHandle string }

func (q *fakeQueue) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct{ Entries []entry }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	out := map[string]any{}
	switch action := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS."); action {
	case "ReceiveMessage":
		out["Messages"] = q.receive(r)
	case "DeleteMessageBatch", "ChangeMessageVisibilityBatch":
		out["Successful"], out["Failed"] = in.Entries, []entry{}
		q.settle(in.Entries, action == "DeleteMessageBatch")
	default:
		http.Error(w, action, http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	json.NewEncoder(w).Encode(out)
}

// receive waits for a message, or until the receiver is gone.
func (q *fakeQueue) receive(r *http.Request) (messages []map[string]any) {
	for r.Context().Err() == nil {
		q.mu.Lock()
		changed := q.changed
		for _, body := range q.ready[:min(10, len(q.ready))] {
			q.n++
			id := fmt.Sprint(q.n)
			q.taken[id] = body
			sum := md5.Sum([]byte(body))
			messages = append(messages, map[string]any{
				"MessageId": id, "ReceiptHandle": id, "Body": body, "MD5OfBody": hex.EncodeToString(sum[:]),
			})
		}
		q.ready = q.ready[len(messages):]
		q.mu.Unlock()
		if len(messages) > 0 {
			break
		}
		select {
		case <-changed:
		case <-r.Context().Done():
		}
	}
	return messages
}

// settle deletes messages, or keeps what was given back.
func (q *fakeQueue) settle(entries []entry, deleted bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, e := range entries {
		body := q.taken[e.ReceiptHandle]
		delete(q.taken, e.ReceiptHandle)
		if deleted {
			q.deleted <- body
			continue
		}
		q.given = append(q.given, body)
		q.back <- body
	}
}
