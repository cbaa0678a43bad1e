package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/typedsecret/typedsecret/notify"
	sqsnotify "github.com/typedsecret/typedsecret/notify/sqs"
)

// theQueue is the queue's name in health and metrics, beside those of the targets.
const theQueue = "queue"

// newReceiver makes the receiver of the queue.
func (r *relay) newReceiver(ctx context.Context, s settings) (notify.Receiver, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("the settings of AWS: %w", err)
	}
	region := regionOf(s.queue)
	if region == "" {
		region = cfg.Region
	}
	if region == "" {
		return nil, errors.New("the queue's region is neither in -queue nor in AWS_REGION")
	}
	cfg.Region = region
	r.health.expect(theQueue)
	r.metrics.expect(theQueue)
	receiver, err := sqsnotify.New(sqsnotify.Config{
		Client: polls{sqs.NewFromConfig(cfg), r}, QueueURL: s.queue, OnError: r.failed,
	})
	if err != nil {
		return nil, fmt.Errorf("-queue: %w", err)
	}
	return receiver, nil
}

// regional is a host of SQS in AWS.
var regional = regexp.MustCompile(`^sqs(?:-fips)?\.([a-z0-9-]+)\.(amazonaws\.com|amazonaws\.com\.cn|api\.aws)$`)

// regionOf returns the region in a queue's URL; "" if it has none.
func regionOf(queue string) string {
	u, err := url.Parse(queue)
	if err != nil {
		return ""
	}
	if m := regional.FindStringSubmatch(u.Hostname()); m != nil {
		return m[1]
	}
	return ""
}

// polls is a client of SQS that records the answers in health and metrics.
type polls struct {
	sqsnotify.Client
	relay *relay
}

func (p polls) ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, opts ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	out, err := p.Client.ReceiveMessage(ctx, in, opts...)
	switch {
	case err == nil:
		p.relay.health.answered(theQueue)
		p.relay.metrics.answered(theQueue)
		p.relay.metrics.received.Add(float64(len(out.Messages)))
	case !errors.Is(ctx.Err(), context.Canceled): // the relay goes on
		p.relay.metrics.queueFailures.Inc()
	}
	return out, err
}

// failed counts and logs an error of the receiver.
func (r *relay) failed(err error) {
	if errors.Is(err, notify.ErrUnknown) {
		r.metrics.givenUp.Inc()
		r.log.Error("message given up", "error", err.Error())
		return
	}
	r.log.Warn("queue or event failed", "error", err.Error())
}
