package sqsnotify

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/notify"
)

const (
	maxBatch = 10               // the most that SQS gives, and takes, in one request
	wait     = 20 * time.Second // the longest that SQS waits for a message
	// receiveTimeout is for the wait and for the SDK's own tries.
	receiveTimeout = wait + 15*time.Second
	// lastAnswer is how long an answer may take that is on its way when ctx ends.
	lastAnswer = 250 * time.Millisecond
	// minPoll is the shortest time from one request that brings nothing to the next. SQS itself
	// waits for longer; an emulator of it may not.
	minPoll = time.Second
)

// poll takes messages until a request fails or ctx ends.
func (r *Receiver) poll(ctx context.Context, d *notify.Delivery) error {
	for ctx.Err() == nil {
		began := time.Now()
		messages, err := r.receive(ctx)
		if err != nil {
			return err
		}
		d.Connected(ctx)
		if err := r.take(ctx, d, messages); err != nil {
			if ctx.Err() != nil {
				d.Report(err) // Run reports nothing once ctx has ended
			}
			return err // for a back-off: what can't be deleted may be back at once
		}
		if len(messages) == 0 {
			sleep(ctx, minPoll-time.Since(began))
		}
	}
	return ctx.Err()
}

// receive waits for messages. The end of ctx ends the wait a little later, as the answer may be
// on its way: its messages would be invisible until the queue's visibility timeout is over.
func (r *Receiver) receive(ctx context.Context) ([]types.Message, error) {
	waiting, cancel := context.WithTimeout(context.WithoutCancel(ctx), receiveTimeout)
	defer cancel()
	defer context.AfterFunc(ctx, func() { sleep(waiting, lastAnswer); cancel() })()
	out, err := r.cfg.Client.ReceiveMessage(waiting, &sqs.ReceiveMessageInput{
		QueueUrl: &r.cfg.QueueURL, MaxNumberOfMessages: maxBatch, WaitTimeSeconds: int32(wait / time.Second),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameApproximateReceiveCount},
	}, inOnePiece)
	if err != nil {
		return nil, explain(err, receiveTimeout)
	}
	return out.Messages, nil
}

// take hands the events over, deletes the messages that the queue is done with, and gives the
// others back. Its error is that of deleting or of giving back.
func (r *Receiver) take(ctx context.Context, d *notify.Delivery, messages []types.Message) error {
	var done, back []entry
	for i, m := range messages {
		e := entry{id: strconv.Itoa(i), receipt: m.ReceiptHandle}
		switch {
		case d.Message(ctx, []byte(aws.ToString(m.Body))):
			done = append(done, e)
		case ctx.Err() != nil:
			back = append(back, e) // visible at once
		default:
			e.after = redelivery(m)
			back = append(back, e)
		}
	}
	return errors.Join(r.giveBack(ctx, back), r.delete(ctx, done))
}

// again has the delays before an event comes again, in whole seconds.
var again = backoff.Policy{Base: time.Second, Max: time.Minute}

// redelivery returns the delay before an event comes again that handle has not taken.
func redelivery(m types.Message) time.Duration {
	count, _ := strconv.Atoi(m.Attributes[string(types.MessageSystemAttributeNameApproximateReceiveCount)])
	return again.Bound(max(count, 1))
}

// sleep waits, but not longer than ctx lasts.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
