package sqsnotify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/typedsecret/typedsecret/backoff"
)

// An entry is a message of a batch.
type entry struct {
	id      string // in the batch
	receipt *string
	after   time.Duration // when it is visible again, if it is given back
}

// delete deletes messages. SQS delivers again those that it can't delete.
func (r *Receiver) delete(ctx context.Context, entries []entry) error {
	return settle(ctx, "deleted", entries, func(ctx context.Context, entries []entry) (ids []string, failed []types.BatchResultErrorEntry, err error) {
		in := &sqs.DeleteMessageBatchInput{QueueUrl: &r.cfg.QueueURL}
		for _, e := range entries {
			in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{Id: &e.id, ReceiptHandle: e.receipt})
		}
		out, err := r.cfg.Client.DeleteMessageBatch(ctx, in, inOnePiece)
		if err != nil {
			return nil, nil, err
		}
		for _, one := range out.Successful {
			ids = append(ids, aws.ToString(one.Id))
		}
		return ids, out.Failed, nil
	})
}

// giveBack makes messages visible again, each after its delay. Those that it can't give back are
// visible when the queue's visibility timeout is over.
func (r *Receiver) giveBack(ctx context.Context, entries []entry) error {
	return settle(ctx, "given back", entries, func(ctx context.Context, entries []entry) (ids []string, failed []types.BatchResultErrorEntry, err error) {
		in := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &r.cfg.QueueURL}
		for _, e := range entries {
			in.Entries = append(in.Entries, types.ChangeMessageVisibilityBatchRequestEntry{
				Id: &e.id, ReceiptHandle: e.receipt, VisibilityTimeout: int32(e.after / time.Second),
			})
		}
		out, err := r.cfg.Client.ChangeMessageVisibilityBatch(ctx, in, inOnePiece)
		if err != nil {
			return nil, nil, err
		}
		for _, one := range out.Successful {
			ids = append(ids, aws.ToString(one.Id))
		}
		return ids, out.Failed, nil
	})
}

const (
	settleTimeout = 5 * time.Second // for all tries
	settleTries   = 3
)

// settlePace has the delays before a batch that was answered in part is sent again.
var settlePace = backoff.Policy{Base: 100 * time.Millisecond, Jitter: backoff.EqualJitter}

// A batch sends entries, and returns the IDs of those that SQS has settled, and those that it
// has not.
type batch func(ctx context.Context, entries []entry) (settled []string, failed []types.BatchResultErrorEntry, err error)

// settle sends entries until each is settled. SQS may settle a part of a batch and answer 200:
// the rest is sent again, without what SQS calls the sender's fault. The end of ctx does not
// end it, since that is when messages are given back.
func settle(ctx context.Context, what string, entries []entry, send batch) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	all := len(entries)
	var refused []error
	for try := 1; len(entries) > 0; try++ {
		if try > settleTries {
			refused = append(refused, fmt.Errorf("SQS has not %s %d of %d messages, and gives no reason", what, len(entries), all))
			break
		}
		sleep(ctx, settlePace.Delay(try-1))
		settled, failed, err := send(ctx, entries)
		if err != nil {
			refused = append(refused, fmt.Errorf("SQS has not %s %d of %d messages: %w", what, len(entries), all, explain(err, settleTimeout)))
			break
		}
		for _, f := range failed {
			if !f.SenderFault {
				continue
			}
			settled = append(settled, aws.ToString(f.Id))
			if code := aws.ToString(f.Code); !strings.HasSuffix(code, notInflight) {
				refused = append(refused, fmt.Errorf("SQS has not %s a message: %s; does handle take longer than the queue's visibility timeout?", what, code))
			}
		}
		entries = slices.DeleteFunc(entries, func(e entry) bool { return slices.Contains(settled, e.id) })
	}
	return errors.Join(refused...)
}

// notInflight is the end of the code of a message that is visible already.
const notInflight = "MessageNotInflight"
