package sqsnotify_test

import (
	"context"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/typedsecret/typedsecret/notify"
	"github.com/typedsecret/typedsecret/notify/notifytest"
	sqsnotify "github.com/typedsecret/typedsecret/notify/sqs"
)

// TestConformance runs in real time. The module integration does the same with servers that
// this project did not write.
func TestConformance(t *testing.T) {
	for _, pollers := range []int{1, 3} {
		t.Run(strconv.Itoa(pollers), func(t *testing.T) {
			notifytest.Run(t, func(t testing.TB) notifytest.Harness { return harness(t, pollers) })
		})
	}
}

func harness(t testing.TB, pollers int) notifytest.Harness {
	q := startQueue(t)
	q.visibility = 2 * time.Second
	var round atomic.Int64
	key := func() string { return "KEY" + strconv.FormatInt(round.Load(), 10) }
	q.set(func(w http.ResponseWriter, c call) bool {
		if c.key == key() {
			return false
		}
		refuse(w, http.StatusForbidden, "InvalidClientTokenId", "")
		return true
	})
	client := q.client(t, func(o *sqs.Options) {
		o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: key(), SecretAccessKey: "SECRET"}, nil
		})
	})
	return notifytest.Harness{
		Receiver: func(onError func(error)) notify.Receiver {
			r, err := sqsnotify.New(sqsnotify.Config{Client: client, QueueURL: queueURL, Pollers: pollers, OnError: onError})
			if err != nil {
				t.Fatal(err)
			}
			return r
		},
		Send:              func(message []byte) { q.send(string(message)) },
		Keeps:             true,
		Break:             q.interrupt,
		RotateCredentials: func() { round.Add(1) },
		Left: func() int {
			visible, inFlight := q.counts()
			return visible + inFlight
		},
	}
}

// interrupt breaks each request until mend is called.
func (q *queue) interrupt() (mend func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	close(q.broken)
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.broken = make(chan struct{})
	}
}
