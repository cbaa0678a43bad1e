package carriers_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// takesFromTopics has SNS put its envelope around a message, or leave it raw.
func takesFromTopics(t *testing.T, server string) {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	topics := sns.New(sns.Options{
		Region: "us-east-1", BaseEndpoint: &server, HTTPClient: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "SECRET", ""),
	})
	q := newQueue(t, server)
	e := receive(t, newReceiver(t, q.client, q.url, func(err error) { t.Error(err) }))
	arn := q.attributes()["QueueArn"]
	for name, attributes := range map[string]map[string]string{"enveloped": nil, "raw": {"RawMessageDelivery": "true"}} {
		topic, err := topics.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: &name})
		if err != nil {
			t.Fatal(err)
		}
		protocol := "sqs"
		if _, err := topics.Subscribe(t.Context(), &sns.SubscribeInput{
			TopicArn: topic.TopicArn, Protocol: &protocol, Endpoint: &arn, Attributes: attributes,
		}); err != nil {
			t.Fatal(err)
		}
		message := moved("prod/" + name)
		if _, err := topics.Publish(context.Background(), &sns.PublishInput{TopicArn: topic.TopicArn, Message: &message}); err != nil {
			t.Fatal(err)
		}
		e.await("prod/" + name)
	}
}
