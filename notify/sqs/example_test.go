package sqsnotify_test

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/typedsecret/typedsecret/notify"
	sqsnotify "github.com/typedsecret/typedsecret/notify/sqs"
)

// A memory is a Client without a queue. It gives one message, and notes that it was deleted.
type memory struct {
	body    string
	given   atomic.Bool
	deleted atomic.Int64
}

func (m *memory) ReceiveMessage(ctx context.Context, _ *sqs.ReceiveMessageInput, _ ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	if m.given.Swap(true) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &sqs.ReceiveMessageOutput{Messages: []types.Message{{Body: &m.body}}}, nil
}

func (m *memory) DeleteMessageBatch(_ context.Context, in *sqs.DeleteMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	out := &sqs.DeleteMessageBatchOutput{}
	for _, e := range in.Entries {
		m.deleted.Add(1)
		out.Successful = append(out.Successful, types.DeleteMessageBatchResultEntry{Id: e.Id})
	}
	return out, nil
}

func (m *memory) ChangeMessageVisibilityBatch(context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	return &sqs.ChangeMessageVisibilityBatchOutput{}, nil
}

// A test of a program needs no queue: its own Client stands in for SQS.
func ExampleClient() {
	queue := &memory{body: `{"detail-type":"Secret Label Updated","source":"aws.secretsmanager",
		"resources":["arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-a1b2c3"],
		"detail":{"name":"prod/db","labelUpdated":"AWSCURRENT","versionId":"a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"}}`}
	receiver, err := sqsnotify.New(sqsnotify.Config{
		Client:   queue,
		QueueURL: "https://sqs.eu-west-1.amazonaws.com/123456789012/rotations",
		OnError:  func(err error) { fmt.Println(err) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	err = receiver.Receive(ctx, func(_ context.Context, e notify.Event) error {
		fmt.Println(e.Kind, e.Name, e.Stages)
		cancel()
		return nil
	})
	fmt.Println(err, queue.deleted.Load(), "deleted")
	// Output:
	// label moved prod/db [AWSCURRENT]
	// <nil> 1 deleted
}

func ExampleNew() {
	_, err := sqsnotify.New(sqsnotify.Config{Client: sqs.NewFromConfig(aws.Config{Region: "eu-west-1"}), QueueURL: "rotations"})
	fmt.Println(err)
	// Output: sqsnotify: Config.QueueURL is no URL; GetQueueUrl returns the queue's URL, such as https://sqs.eu-west-1.amazonaws.com/123456789012/rotations
}
