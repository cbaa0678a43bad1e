package carriers_test

import (
	"context"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/typedsecret/typedsecret/integration/elasticmqtest"
	"github.com/typedsecret/typedsecret/integration/mototest"
	"github.com/typedsecret/typedsecret/notify"
	"github.com/typedsecret/typedsecret/notify/notifytest"
	sqsnotify "github.com/typedsecret/typedsecret/notify/sqs"
)

// servers are those of SQS.
var servers = []struct {
	name  string
	start func(t testing.TB) (url string)
}{
	{"moto", func(t testing.TB) string { return mototest.New(t).URL() }},
	{"ElasticMQ", func(t testing.TB) string { return elasticmqtest.New(t).URL() }},
}

// TestAReceiverOfSQSKeepsItsContract runs the suite. The tests of notify/sqs have the faults
// that these servers don't make.
func TestAReceiverOfSQSKeepsItsContract(t *testing.T) {
	for _, server := range servers {
		t.Run(server.name, func(t *testing.T) {
			url := server.start(t)
			notifytest.Run(t, func(t testing.TB) notifytest.Harness {
				q, r := newQueue(t, url, visibility), newRoad(t, url)
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
	}
}

// visibility is short, since a server goes on with a long poll whose client has gone: it gives
// the next messages to nobody, and they come again only when the visibility timeout is over.
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
	client *sqs.Client
	url    string
}

// newQueue makes a queue for a test.
func newQueue(t testing.TB, server string, visibility time.Duration) *queue {
	t.Helper()
	q := &queue{TB: t, client: newSQS(t, server)}
	out, err := q.client.CreateQueue(context.Background(), &sqs.CreateQueueInput{
		QueueName:  aws.String("queue-" + strconv.FormatInt(time.Now().UnixNano(), 36)),
		Attributes: map[string]string{"VisibilityTimeout": strconv.Itoa(int(visibility / time.Second))},
	})
	if err != nil {
		t.Fatal(err)
	}
	q.url = *out.QueueUrl
	return q
}

func (q *queue) send(body string) {
	q.Helper()
	if _, err := q.client.SendMessage(context.Background(), &sqs.SendMessageInput{QueueUrl: &q.url, MessageBody: &body}); err != nil {
		q.Fatal(err)
	}
}

// left returns how many messages the queue has, visible or not.
func (q *queue) left() int {
	visible, inFlight := q.counts()
	return visible + inFlight
}

func (q *queue) counts() (visible, inFlight int) {
	q.Helper()
	out, err := q.client.GetQueueAttributes(context.Background(), &sqs.GetQueueAttributesInput{
		QueueUrl: &q.url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	if err != nil {
		q.Fatal(err)
	}
	for name, to := range map[types.QueueAttributeName]*int{
		types.QueueAttributeNameApproximateNumberOfMessages: &visible, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible: &inFlight,
	} {
		if *to, err = strconv.Atoi(out.Attributes[string(name)]); err != nil {
			q.Fatal(err)
		}
	}
	return visible, inFlight
}
