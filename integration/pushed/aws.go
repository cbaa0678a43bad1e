package pushed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventbridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/typedsecret/typedsecret/notify"
	sqsnotify "github.com/typedsecret/typedsecret/notify/sqs"
	"github.com/typedsecret/typedsecret/secrettest"
)

// visibility is short, so that a message that a killed relay has received comes again soon. SQS's
// default is 30 s.
const visibility = 2 * time.Second

// queues are those of an SQS, one a process.
type queues struct {
	cfg       aws.Config
	transport *http.Transport
	sqs       *sqs.Client
	name      string // the prefix of the queues' names
	urls      []string
}

func newQueues(endpoint, name string) *queues {
	q := &queues{name: name, transport: &http.Transport{MaxIdleConnsPerHost: 10}}
	q.cfg = aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(endpoint), HTTPClient: &http.Client{Transport: q.transport},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "SECRET"}, nil // the emulators accept any
		}),
	}
	q.sqs = sqs.NewFromConfig(q.cfg)
	return q
}

// create makes one more queue, and returns its URL and its ARN.
func (q *queues) create(ctx context.Context) (url, arn string, err error) {
	name := q.name + "-" + strconv.Itoa(len(q.urls))
	made, err := q.sqs.CreateQueue(ctx, &sqs.CreateQueueInput{
		QueueName: &name, Attributes: map[string]string{"VisibilityTimeout": strconv.Itoa(int(visibility / time.Second))},
	})
	if err != nil {
		return "", "", err
	}
	got, err := q.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: made.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameQueueArn},
	})
	if err != nil {
		return "", "", err
	}
	q.urls = append(q.urls, *made.QueueUrl)
	return *made.QueueUrl, got.Attributes["QueueArn"], nil
}

func (q *queues) receiverOf(url string) (notify.Receiver, error) {
	return sqsnotify.New(sqsnotify.Config{Client: q.sqs, QueueURL: url})
}

func (q *queues) outages() map[string]outage { return nil }

func (q *queues) close() error {
	q.transport.CloseIdleConnections()
	return nil
}

// elasticMQ sends each event to the queue of each process.
type elasticMQ struct{ *queues }

func newElasticMQ(_ context.Context, s *Servers) (carrier, error) {
	server, err := s.elastic()
	if err != nil {
		return nil, err
	}
	return &elasticMQ{newQueues(server.URL(), s.name())}, nil
}

func (c *elasticMQ) send(ctx context.Context, e secrettest.Event) error {
	for _, url := range c.urls {
		if _, err := c.sqs.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String(string(body(e)))}); err != nil {
			return err
		}
	}
	return nil
}

func (c *elasticMQ) receiver(ctx context.Context) (notify.Receiver, error) {
	url, _, err := c.create(ctx)
	if err != nil {
		return nil, err
	}
	return c.receiverOf(url)
}

// eventBridge has a rule, whose targets are the queues of at most five processes.
type eventBridge struct {
	*queues
	bus *eventbridge.Client
}

// pattern lets the events of AWSCURRENT pass, of secrets whose names begin with prod/.
const pattern = `{"source":["aws.secretsmanager"],"detail-type":["Secret Label Updated"],` +
	`"detail":{"name":[{"prefix":"prod/"}],"labelUpdated":["AWSCURRENT"]}}`

func newEventBridge(ctx context.Context, s *Servers) (carrier, error) {
	c, err := openEventBridge(ctx, s)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func openEventBridge(ctx context.Context, s *Servers) (*eventBridge, error) {
	server, err := s.moto()
	if err != nil {
		return nil, err
	}
	q := newQueues(server.URL(), s.name())
	c := &eventBridge{q, eventbridge.NewFromConfig(q.cfg)}
	_, err = c.bus.PutRule(ctx, &eventbridge.PutRuleInput{Name: &q.name, EventPattern: aws.String(pattern)})
	return c, err
}

// send puts an event on the default bus, as Secrets Manager does.
func (c *eventBridge) send(ctx context.Context, e secrettest.Event) error {
	detail, err := json.Marshal(e.Detail)
	if err != nil {
		return err
	}
	out, err := c.bus.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []eventbridgetypes.PutEventsRequestEntry{{
		Source: &e.Source, DetailType: &e.DetailType, Detail: aws.String(string(detail)), Resources: e.Resources, Time: &e.Time,
	}}})
	if err == nil && out.FailedEntryCount > 0 {
		err = fmt.Errorf("EventBridge refuses an event: %s", aws.ToString(out.Entries[0].ErrorMessage))
	}
	return err
}

// target makes a queue that the rule feeds, and returns its URL.
func (c *eventBridge) target(ctx context.Context) (url string, err error) {
	url, arn, err := c.create(ctx)
	if err != nil {
		return "", err
	}
	id := "queue-" + strconv.Itoa(len(c.urls))
	out, err := c.bus.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: &c.name, Targets: []eventbridgetypes.Target{{Id: &id, Arn: &arn}}})
	if err == nil && out.FailedEntryCount > 0 {
		err = errors.New("EventBridge refuses a target")
	}
	return url, err
}

func (c *eventBridge) receiver(ctx context.Context) (notify.Receiver, error) {
	url, err := c.target(ctx)
	if err != nil {
		return nil, err
	}
	return c.receiverOf(url)
}

// close removes the rule, so that it costs the next carrier nothing.
func (c *eventBridge) close() error {
	ctx := context.Background()
	var ids []string
	for n := range c.urls {
		ids = append(ids, "queue-"+strconv.Itoa(n+1))
	}
	_, err := c.bus.RemoveTargets(ctx, &eventbridge.RemoveTargetsInput{Rule: &c.name, Ids: ids})
	if err == nil {
		_, err = c.bus.DeleteRule(ctx, &eventbridge.DeleteRuleInput{Name: &c.name})
	}
	return errors.Join(err, c.queues.close())
}

// topic is a topic of SNS, to which the queue of each process is subscribed. Messages are in SNS's
// envelope. EventBridge does not feed it, since moto can't do that.
type topic struct {
	*queues
	sns *sns.Client
	arn *string
}

func newSNS(ctx context.Context, s *Servers) (carrier, error) {
	server, err := s.moto()
	if err != nil {
		return nil, err
	}
	q := newQueues(server.URL(), s.name())
	c := &topic{queues: q, sns: sns.NewFromConfig(q.cfg)}
	made, err := c.sns.CreateTopic(ctx, &sns.CreateTopicInput{Name: &q.name})
	if err != nil {
		return nil, err
	}
	c.arn = made.TopicArn
	return c, nil
}

func (c *topic) send(ctx context.Context, e secrettest.Event) error {
	_, err := c.sns.Publish(ctx, &sns.PublishInput{TopicArn: c.arn, Message: aws.String(string(body(e)))})
	return err
}

func (c *topic) receiver(ctx context.Context) (notify.Receiver, error) {
	url, arn, err := c.create(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := c.sns.Subscribe(ctx, &sns.SubscribeInput{TopicArn: c.arn, Protocol: aws.String("sqs"), Endpoint: &arn}); err != nil {
		return nil, err
	}
	return c.receiverOf(url)
}
