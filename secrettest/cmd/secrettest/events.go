package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/typedsecret/typedsecret/secrettest"
)

// longestDelivery bounds the time that a receiver may take for an event.
const longestDelivery = 5 * time.Second

// newWebhook returns a function that posts each event to a URL.
func newWebhook(setting string) (secrettest.EventFunc, error) {
	u, err := parseURL(setting)
	if err != nil {
		return nil, fmt.Errorf("-events: %w", err)
	}
	return func(ctx context.Context, event secrettest.Event) error {
		body, err := json.Marshal(event)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, longestDelivery)
		defer cancel()
		_, err = post(ctx, u, body, http.Header{"Content-Type": {"application/json"}})
		return err
	}, nil
}

// queue is an SQS queue, at AWS or in an emulator.
type queue struct {
	url      string
	endpoint *url.URL // the service's
	region   string
}

var queueHost = regexp.MustCompile(`^sqs\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?$`)

// parseQueue parses a queue's URL. The region is used if the URL names none.
func parseQueue(setting, region string) (*queue, error) {
	u, err := parseURL(setting)
	if err != nil || strings.Trim(u.Path, "/") == "" {
		return nil, errors.New("-events-queue: the URL of a queue is wanted, http://HOST:PORT/ACCOUNT/NAME or with https")
	}
	if m := queueHost.FindStringSubmatch(u.Hostname()); m != nil {
		region = m[1]
	}
	return &queue{url: setting, endpoint: &url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/"}, region: region}, nil
}

// send sends an event to the queue in the same form as a rule of EventBridge. It calls
// SendMessage by the service's protocol, AWS JSON 1.0, signed with the keys in the
// environment. An emulator accepts any keys.
func (q *queue) send(ctx context.Context, event secrettest.Event) error {
	message, err := json.Marshal(event)
	if err != nil {
		return err
	}
	in := map[string]string{"QueueUrl": q.url, "MessageBody": string(message)}
	if strings.HasSuffix(q.url, ".fifo") {
		in["MessageGroupId"], in["MessageDeduplicationId"] = event.Detail.Name, event.ID
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, longestDelivery)
	defer cancel()
	header, err := q.sign(ctx, body)
	if err != nil {
		return err
	}
	_, err = post(ctx, q.endpoint, body, header)
	return err
}

func (q *queue) sign(ctx context.Context, body []byte) (http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, q.endpoint.String(), strings.NewReader(string(body)))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	req.Header.Set("X-Amz-Target", "AmazonSQS.SendMessage")
	sum := sha256.Sum256(body)
	keys := aws.Credentials{
		AccessKeyID:     cmp.Or(os.Getenv("AWS_ACCESS_KEY_ID"), "secrettest"),
		SecretAccessKey: cmp.Or(os.Getenv("AWS_SECRET_ACCESS_KEY"), "secrettest"),
		SessionToken:    os.Getenv("AWS_SESSION_TOKEN"),
	}
	if err := v4.NewSigner().SignHTTP(ctx, keys, req, hex.EncodeToString(sum[:]), "sqs", q.region, time.Now()); err != nil {
		return nil, errors.New("the message to " + q.endpoint.Host + " can't be signed")
	}
	return req.Header, nil
}

// receivers returns the functions that send an event to each receiver.
func receivers(webhook, queue, region string) (list []secrettest.EventFunc, err error) {
	if webhook != "" {
		fn, err := newWebhook(webhook)
		if err != nil {
			return nil, err
		}
		list = append(list, fn)
	}
	if queue != "" {
		q, err := parseQueue(queue, region)
		if err != nil {
			return nil, err
		}
		list = append(list, q.send)
	}
	return list, nil
}

// sendAll sends an event to each receiver. If one fails, the event is sent to all of them
// again: events are delivered at least once.
func sendAll(ctx context.Context, to []secrettest.EventFunc, event secrettest.Event, problems *log.Logger) (err error) {
	for _, send := range to {
		if e := send(ctx, event); e != nil {
			problems.Printf("event %s of %s: %v", event.Detail.LabelUpdated, event.Detail.Name, e)
			err = e
		}
	}
	return err
}
