package relay_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cftypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/typedsecret/typedsecret/integration/mototest"
	"github.com/typedsecret/typedsecret/notify"
	"github.com/typedsecret/typedsecret/secrettest"
)

const (
	region   = "us-east-1"
	template = "../../deploy/cloudformation.yaml"
)

// deadline is for what takes some seconds on a busy machine.
const deadline = 2 * time.Minute

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A cloud is a moto with the stack of deploy/.
type cloud struct {
	moto    *mototest.Server
	outputs map[string]string
	queues  *sqs.Client
	buses   *eventbridge.Client
}

// deploy creates the stack.
func deploy(t *testing.T, parameters map[string]string) *cloud {
	t.Helper()
	moto := mototest.New(t)
	cfg := aws.Config{
		Region: region, BaseEndpoint: aws.String(moto.URL()), RetryMaxAttempts: 3,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "SECRET"}, nil // moto accepts any
		}),
	}
	c := &cloud{
		moto: moto, outputs: map[string]string{},
		queues: sqs.NewFromConfig(cfg), buses: eventbridge.NewFromConfig(cfg),
	}
	body, err := os.ReadFile(template)
	must(t, err)
	in := &cloudformation.CreateStackInput{
		StackName: aws.String("rotations"), TemplateBody: aws.String(string(body)),
		Capabilities: []cftypes.Capability{cftypes.CapabilityCapabilityIam},
	}
	for name, value := range parameters {
		in.Parameters = append(in.Parameters, cftypes.Parameter{ParameterKey: &name, ParameterValue: &value})
	}
	stacks := cloudformation.NewFromConfig(cfg)
	_, err = stacks.CreateStack(t.Context(), in)
	must(t, err)
	said, err := cloudformation.NewStackCreateCompleteWaiter(stacks).WaitForOutput(t.Context(), &cloudformation.DescribeStacksInput{StackName: in.StackName}, deadline)
	must(t, err)
	for _, output := range said.Stacks[0].Outputs {
		c.outputs[*output.OutputKey] = *output.OutputValue
	}
	return c
}

// queue is the URL of the stack's queue.
func (c *cloud) queue() string { return c.outputs["QueueUrl"] }

// put puts events on the default bus, as Secrets Manager does.
func (c *cloud) put(t *testing.T, events ...secrettest.Event) {
	t.Helper()
	for len(events) > 0 {
		in := &eventbridge.PutEventsInput{}
		for _, e := range events[:min(10, len(events))] {
			detail, err := json.Marshal(e.Detail)
			must(t, err)
			in.Entries = append(in.Entries, ebtypes.PutEventsRequestEntry{
				Source: &e.Source, DetailType: &e.DetailType, Detail: aws.String(string(detail)), Resources: e.Resources, Time: &e.Time,
			})
		}
		out, err := c.buses.PutEvents(t.Context(), in)
		must(t, err)
		if out.FailedEntryCount > 0 {
			t.Fatalf("%d events were refused", out.FailedEntryCount)
		}
		events = events[len(in.Entries):]
	}
}

// send sends events to the queue, as the rule does.
func (c *cloud) send(t *testing.T, events ...secrettest.Event) {
	t.Helper()
	for len(events) > 0 {
		in := &sqs.SendMessageBatchInput{QueueUrl: aws.String(c.queue())}
		for n, e := range events[:min(10, len(events))] {
			body, err := json.Marshal(e)
			must(t, err)
			in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(n)), MessageBody: aws.String(string(body))})
		}
		out, err := c.queues.SendMessageBatch(t.Context(), in)
		must(t, err)
		if len(out.Failed) > 0 {
			t.Fatalf("%d events were refused", len(out.Failed))
		}
		events = events[len(in.Entries):]
	}
}

// receive waits for messages, and returns their bodies.
func (c *cloud) receive(t *testing.T) (bodies []string) {
	t.Helper()
	out, err := c.queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(c.queue()), MaxNumberOfMessages: 10, WaitTimeSeconds: 20,
	})
	must(t, err)
	for _, m := range out.Messages {
		bodies = append(bodies, *m.Body)
	}
	return bodies
}

// attributes returns all attributes of a queue.
func (c *cloud) attributes(t *testing.T, url string) map[string]string {
	t.Helper()
	out, err := c.queues.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	must(t, err)
	return out.Attributes
}

// event is the nth of a secret.
func event(name string, n int) secrettest.Event {
	return secrettest.Event{
		Source: "aws.secretsmanager", DetailType: "Secret Label Updated", Time: time.Now().UTC().Truncate(time.Second),
		Resources: []string{"arn:aws:secretsmanager:" + region + ":123456789012:secret:" + name + "-a1b2c3"},
		Detail:    secrettest.EventDetail{Name: name, LabelUpdated: "AWSCURRENT", VersionID: fmt.Sprintf("%032d", n)},
	}
}

// TestTheRuleBringsTheEventsOfThePrefixIntoTheQueue, and no others.
func TestTheRuleBringsTheEventsOfThePrefixIntoTheQueue(t *testing.T) {
	c := deploy(t, map[string]string{"NamePrefix": "prod/"})
	other := event("prod/db", 3)
	other.DetailType = "AWS API Call via CloudTrail"
	c.put(t, event("dev/db", 1), other, event("prod/db", 2))
	got := c.receive(t)
	if len(got) != 1 {
		t.Fatalf("%d messages", len(got))
	}
	e, err := notify.Parse([]byte(got[0]))
	if err != nil || e.Kind != notify.LabelMoved || e.Name != "prod/db" || e.VersionID != fmt.Sprintf("%032d", 2) {
		t.Errorf("%+v, %v", e, err)
	}
}

// TestTheQueuesAreAsTheTemplateSays looks at what moto creates of it. Moto leaves out the
// policies of queues, and the topic's subscription.
func TestTheQueuesAreAsTheTemplateSays(t *testing.T) {
	c := deploy(t, map[string]string{"WithTopic": "yes", "AlarmTopicArn": "arn:aws:sns:us-east-1:123456789012:alarms"})
	dead := c.attributes(t, c.outputs["DeadLettersUrl"])
	got := c.attributes(t, c.queue())
	for name, want := range map[string]string{
		"SqsManagedSseEnabled": "true", "MessageRetentionPeriod": "86400", "VisibilityTimeout": "30",
		"RedrivePolicy": `{"deadLetterTargetArn": "` + dead["QueueArn"] + `", "maxReceiveCount": 240}`,
	} {
		if got[name] != want {
			t.Errorf("the queue's %s is %s, want %s", name, got[name], want)
		}
	}
	if dead["SqsManagedSseEnabled"] != "true" || dead["MessageRetentionPeriod"] != "1209600" {
		t.Errorf("the dead-letter queue is %v", dead)
	}
	if !strings.HasPrefix(c.outputs["TopicArn"], "arn:aws:sns:") || !strings.HasPrefix(c.outputs["RelayPolicyArn"], "arn:aws:iam::") {
		t.Errorf("outputs: %v", c.outputs)
	}
}
