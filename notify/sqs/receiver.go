// Package sqsnotify brings the events of rotations to a process from an SQS queue.
//
//	receiver, err := sqsnotify.New(sqsnotify.Config{Client: sqs.NewFromConfig(cfg), QueueURL: url})
//	…
//	err = receiver.Receive(ctx, secrets.HandleEvent) // until ctx ends
//
// SQS delivers each message to one receiver. So if two processes share a queue, each of them
// gets half of the events. Give each process a queue of its own, or let one process take all
// events and pass them on.
//
// An EventBridge rule or an SNS topic feeds the queue. Raw messages, SNS's envelopes and all
// other forms that [notify.Parse] knows are read, also side by side.
//
// # Delays and costs
//
// A request waits 20 s at SQS, which answers as soon as there is a message. So an idle poller
// makes 3 requests a minute, some 130,000 a month. For each batch of at most 10 messages there
// is one request more, which deletes them.
//
// After an error of SQS or of the network there is a back-off: up to 1 s at first and up to
// 30 s later, beside the tries that the client makes by itself. A request without an answer is
// given up after 35 s. An event that handle does not take comes again after 1 s, 2 s, 4 s and
// so on, up to a minute.
//
// # What is lost, and when
//
// Nothing is lost that is in the queue: a message is deleted only after handle has taken its
// event. The process may die at any time. Then the messages that it had received come again
// when the queue's visibility timeout is over, 30 s by default. So do a message that SQS is just
// delivering when ctx ends, and one that handle does not get within that timeout, since the
// others of its batch take long.
//
// A message may come more than once, and in any order, as always with SQS.
//
// A message that is no event is deleted, and reported. An event that handle never takes comes
// again until the queue's retention is over, 4 days by default. If the queue has a dead-letter
// queue, its message moves there.
//
// # Permissions
//
// The role of the process needs these actions on the queue. If the queue is encrypted with a
// key of your own, it needs kms:Decrypt on the key too.
//
//	sqs:ReceiveMessage
//	sqs:DeleteMessage
//	sqs:ChangeMessageVisibility
//
// The client signs each request with the credentials that its provider has at that moment, so
// they may be rotated.
package sqsnotify

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/typedsecret/typedsecret/notify"
)

// A Client calls SQS. An *sqs.Client is one; another may wrap it, to count calls for example.
// It must be safe for concurrent use, and must obey the context of each call.
type Client interface {
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
	ChangeMessageVisibilityBatch(context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error)
}

// A Config says which queue a [Receiver] empties. Client and QueueURL must be set.
type Config struct {
	// Client calls SQS. Its region must be the queue's.
	Client Client

	// QueueURL is the URL of the queue, as GetQueueUrl returns it. The queue's name or ARN won't
	// do.
	QueueURL string

	// Pollers is how many requests wait for messages at the same time. Each takes up to 10
	// messages and hands them over one after another. Default: 1, which is enough for
	// rotations; set more for a handle that takes long.
	Pollers int

	// OnError is called for each request that failed, for each message that is given up, and
	// for each event that handle has not taken. Errors hold no part of a message. Several
	// goroutines may call it at once, and each waits until it returns. Default: the errors are
	// dropped.
	OnError func(err error)
}

// A Receiver takes the events from a queue. It implements [notify.Receiver], and is safe for
// concurrent use.
type Receiver struct{ cfg Config }

var _ notify.Receiver = (*Receiver)(nil)

// New returns a Receiver, or an error that says which setting is wrong. It calls nothing.
func New(cfg Config) (*Receiver, error) {
	if cfg.Pollers == 0 {
		cfg.Pollers = 1
	}
	switch {
	case cfg.Client == nil:
		return nil, errors.New("sqsnotify: Config.Client is nil; sqs.NewFromConfig makes one")
	case cfg.Pollers < 0:
		return nil, fmt.Errorf("sqsnotify: Config.Pollers is %d; it must be positive, or 0 for 1", cfg.Pollers)
	}
	if err := checkURL(cfg.QueueURL); err != nil {
		return nil, err
	}
	return &Receiver{cfg}, nil
}

// checkURL returns an error if queue is no queue's URL. It does not quote it, since that may
// hold a password.
func checkURL(queue string) error {
	const remedy = "; GetQueueUrl returns the queue's URL, such as https://sqs.eu-west-1.amazonaws.com/123456789012/rotations"
	u, err := url.Parse(queue)
	switch {
	case queue == "":
		return errors.New("sqsnotify: Config.QueueURL is empty" + remedy)
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		return errors.New("sqsnotify: Config.QueueURL is no URL" + remedy)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("sqsnotify: Config.QueueURL has a user, a query or a fragment" + remedy)
	}
	return nil
}

// Receive calls handle for each event until ctx ends, with ctx itself; then it returns nil.
// With several Pollers, it calls handle from as many goroutines.
//
// When ctx ends, it waits for the calls of handle that are under way. The messages whose
// events were taken are deleted, and all others are visible again at once. That takes one
// request or two; if SQS does not answer them, Receive returns after 10 s.
//
// Its only error is that handle is nil.
func (r *Receiver) Receive(ctx context.Context, handle func(ctx context.Context, e notify.Event) error) error {
	if handle == nil {
		return errors.New("sqsnotify: the function that takes the events is nil")
	}
	var pollers sync.WaitGroup
	for range r.cfg.Pollers {
		d := &notify.Delivery{Handle: handle, OnError: r.report}
		pollers.Go(func() {
			d.Run(ctx, func(ctx context.Context) error { return r.poll(ctx, d) })
		})
	}
	pollers.Wait()
	return nil
}

// report calls OnError with an error that names the queue.
func (r *Receiver) report(err error) {
	if r.cfg.OnError != nil {
		r.cfg.OnError(fmt.Errorf("sqsnotify: %s: %w", r.cfg.QueueURL, err))
	}
}
