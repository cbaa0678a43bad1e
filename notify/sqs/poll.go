package sqsnotify

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/typedsecret/typedsecret/notify"
)

const (
	maxBatch = 10               // the most that SQS gives, and takes, in one request
	wait     = 20 * time.Second // the longest that SQS waits for a message
	// receiveTimeout is for the wait and for the SDK's own tries.
	receiveTimeout = wait + 15*time.Second
	// minPoll is the shortest time from one request that brings nothing to the next. SQS
	// waits for longer; what stands in its place may not.
	minPoll = time.Second
)

// poll is one poller.
func (r *Receiver) poll(ctx context.Context, handle func(context.Context, notify.Event) error) {
	var failures int
	var firstFailure time.Time
	for ctx.Err() == nil {
		began := time.Now()
		messages, err := r.receive(ctx)
		if err != nil && ctx.Err() != nil {
			return // ctx has ended the request
		}
		if err == nil {
			// Failing here counts too: a message that can't be deleted may be back at once.
			err = r.take(ctx, handle, messages)
		}
		switch {
		case err != nil:
			r.report(err)
			if failures++; failures == 1 {
				firstFailure = began
			}
			sleep(ctx, r.cfg.Backoff.DelayAfter(failures, time.Since(firstFailure)))
			continue
		case len(messages) == 0:
			sleep(ctx, minPoll-time.Since(began))
		}
		failures = 0
	}
}

// receive waits for messages.
func (r *Receiver) receive(ctx context.Context) ([]types.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, receiveTimeout)
	defer cancel()
	out, err := r.cfg.Client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &r.cfg.QueueURL, MaxNumberOfMessages: maxBatch, WaitTimeSeconds: int32(wait / time.Second),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameApproximateReceiveCount},
	}, inOnePiece)
	if err != nil {
		return nil, explain(err, receiveTimeout)
	}
	return out.Messages, nil
}

// take hands the events over, deletes the messages of those that were taken, and gives the
// others back. Its error is that of deleting or of giving back.
func (r *Receiver) take(ctx context.Context, handle func(context.Context, notify.Event) error, messages []types.Message) error {
	var done, back []entry
	for i, m := range messages {
		e := entry{id: strconv.Itoa(i), receipt: m.ReceiptHandle}
		switch err := r.handOver(ctx, handle, m); {
		case err == nil:
			done = append(done, e)
		case ctx.Err() != nil:
			back = append(back, e) // visible at once
		default:
			e.after = r.redelivery(m)
			r.report(fmt.Errorf("the event of message %s was not taken, and comes again in %v: %w", aws.ToString(m.MessageId), e.after, err))
			back = append(back, e)
		}
	}
	return errors.Join(r.giveBack(ctx, back), r.delete(ctx, done))
}

// handOver calls handle, unless ctx has ended or the message is no event. A nil error means
// that the message is to be deleted.
func (r *Receiver) handOver(ctx context.Context, handle func(context.Context, notify.Event) error, m types.Message) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	e, err := notify.Parse([]byte(aws.ToString(m.Body)))
	switch {
	case errors.Is(err, notify.ErrIrrelevant):
		return nil
	case err != nil:
		r.report(fmt.Errorf("message %s is given up and deleted: %w", aws.ToString(m.MessageId), err))
		return nil
	}
	return handle(ctx, e)
}

// maxVisibility is less than the 12 h after which SQS makes a message visible in any case,
// counted since it was received.
const maxVisibility = 11 * time.Hour

// redelivery returns when an event comes again that handle has refused.
func (r *Receiver) redelivery(m types.Message) time.Duration {
	count, _ := strconv.Atoi(m.Attributes[string(types.MessageSystemAttributeNameApproximateReceiveCount)])
	delay := r.cfg.Backoff.Bound(max(count, 1))
	if part := delay % time.Second; part > 0 {
		delay += time.Second - part
	}
	return min(delay, maxVisibility)
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
