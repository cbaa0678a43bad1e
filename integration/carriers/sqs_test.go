package carriers_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/typedsecret/typedsecret/integration/elasticmqtest"
	"github.com/typedsecret/typedsecret/integration/mototest"
	"github.com/typedsecret/typedsecret/notify"
	"github.com/typedsecret/typedsecret/notify/notifytest"
	sqsnotify "github.com/typedsecret/typedsecret/notify/sqs"
)

func TestSQSOnMoto(t *testing.T) {
	server := mototest.New(t).URL()
	testSQS(t, server)
	t.Run("a topic feeds a queue", func(t *testing.T) { takesFromTopics(t, server) })
}

func TestSQSOnElasticMQ(t *testing.T) { testSQS(t, elasticmqtest.New(t).URL()) }

// testSQS tests a Receiver with a server. The tests of notify/sqs have the faults that no server
// makes at will.
func testSQS(t *testing.T, server string) {
	t.Run("contract", func(t *testing.T) {
		notifytest.Run(t, func(t testing.TB) notifytest.Harness {
			q, r := newQueue(t, server), newProxy(t, server)
			client := newSQS(t, r.url)
			return notifytest.Harness{
				Receiver: func(onError func(error)) notify.Receiver { return newReceiver(t, client, q.url, onError) },
				Send:     func(message []byte) { q.send(string(message)) },
				Keeps:    true,
				Break:    r.close,
				Left:     q.left,
			}
		})
	})
	t.Run("a rotation is seen", func(t *testing.T) {
		q := newQueue(t, server)
		seesRotations(t, newReceiver(t, q.client, q.url, func(err error) { t.Error(err) }), q.trySend)
	})
	t.Run("a queue that is made again is found", func(t *testing.T) { findsQueueAgain(t, server) })
	t.Run("an event that is never taken reaches the dead-letter queue", func(t *testing.T) { givesDeadLettersUp(t, server) })
}

// visibility is short: a server goes on with a long poll whose client has gone, and loses the next
// messages to it until the visibility timeout is over.
const visibility = 2 * time.Second

func newReceiver(t testing.TB, client sqsnotify.Client, queue string, onError func(error)) *sqsnotify.Receiver {
	t.Helper()
	r, err := sqsnotify.New(sqsnotify.Config{Client: client, QueueURL: queue, OnError: onError})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// newSQS returns a client of a server, which accepts any credentials.
func newSQS(t testing.TB, url string) *sqs.Client {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return sqs.New(sqs.Options{
		Region: "us-east-1", BaseEndpoint: &url, HTTPClient: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "SECRET", ""),
	})
}

// A queue is a queue of a server.
type queue struct {
	testing.TB
	client    *sqs.Client
	name, url string
}

// newQueue makes a queue for a test.
func newQueue(t testing.TB, server string) *queue {
	t.Helper()
	q := &queue{TB: t, client: newSQS(t, server)}
	q.create("queue-" + strconv.FormatInt(time.Now().UnixNano(), 36))
	return q
}

func (q *queue) create(name string) {
	q.Helper()
	out, err := q.client.CreateQueue(context.Background(), &sqs.CreateQueueInput{
		QueueName: &name, Attributes: map[string]string{"VisibilityTimeout": strconv.Itoa(int(visibility / time.Second))},
	})
	if err != nil {
		q.Fatal(err)
	}
	q.name, q.url = name, *out.QueueUrl
}

func (q *queue) send(body string) {
	q.Helper()
	if err := q.trySend(body); err != nil {
		q.Fatal(err)
	}
}

func (q *queue) trySend(body string) error {
	_, err := q.client.SendMessage(context.Background(), &sqs.SendMessageInput{QueueUrl: &q.url, MessageBody: &body})
	return err
}

// left returns how many messages the queue has, visible or not.
func (q *queue) left() (n int) {
	q.Helper()
	attributes := q.attributes()
	for _, name := range []types.QueueAttributeName{types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible} {
		more, err := strconv.Atoi(attributes[string(name)])
		if err != nil {
			q.Fatal(err)
		}
		n += more
	}
	return n
}

func (q *queue) attributes() map[string]string {
	q.Helper()
	out, err := q.client.GetQueueAttributes(context.Background(), &sqs.GetQueueAttributesInput{
		QueueUrl: &q.url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	if err != nil {
		q.Fatal(err)
	}
	return out.Attributes
}

func (q *queue) set(name types.QueueAttributeName, value string) {
	q.Helper()
	if _, err := q.client.SetQueueAttributes(context.Background(), &sqs.SetQueueAttributesInput{
		QueueUrl: &q.url, Attributes: map[string]string{string(name): value},
	}); err != nil {
		q.Fatal(err)
	}
}

// findsQueueAgain deletes a queue and creates it again. The codes of the errors are the server's.
func findsQueueAgain(t *testing.T, server string) {
	q, r := newQueue(t, server), newProxy(t, server)
	reports := make(chan error, 1000)
	e := receive(t, newReceiver(t, newSQS(t, r.url), q.url, func(err error) { reports <- err }))
	send := func(name string) { q.send(moved(name)) }
	e.probe(send)
	if _, err := q.client.DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: &q.url}); err != nil {
		t.Fatal(err)
	}
	r.close()() // since ElasticMQ does not break a long poll off
	for end, found := time.After(patience), false; !found; {
		select {
		case err := <-reports:
			found = strings.HasSuffix(err.Error(), "; check Config.QueueURL, and that the region of Config.Client is the queue's")
		case <-end:
			t.Fatal("no report")
		}
	}
	q.create(q.name)
	e.probe(send)
}

// givesDeadLettersUp has handle refuse an event until its message is in the dead-letter queue: each
// time that the Receiver gives it back counts as a delivery.
func givesDeadLettersUp(t *testing.T, server string) {
	dead, q := newQueue(t, server), newQueue(t, server)
	q.set(types.QueueAttributeNameRedrivePolicy, `{"deadLetterTargetArn":"`+dead.attributes()["QueueArn"]+`","maxReceiveCount":"2"}`)
	q.send(moved("prod/db"))
	tries := make(chan string, 1000)
	run(t, newReceiver(t, q.client, q.url, nil), func(_ context.Context, e notify.Event) error {
		tries <- e.Name
		return errors.New("not now")
	})
	for end := time.After(patience); dead.left() == 0; {
		select {
		case <-end:
			t.Fatal("the message is not in the dead-letter queue")
		case <-time.After(20 * time.Millisecond):
		}
	}
	if n := len(tries); n != 2 || q.left() != 0 {
		t.Errorf("the event came %d times, and %d messages are left", n, q.left())
	}
}
