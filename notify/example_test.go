package notify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/notify"
	"github.com/typedsecret/typedsecret/secrettest"
)

func ExampleParse() {
	e, err := notify.Parse([]byte(`{"version":"0","detail-type":"Secret Label Updated","source":"aws.secretsmanager",
		"time":"2024-02-06T16:43:48Z","resources":["arn:aws:secretsmanager:us-west-2:012345678901:secret:mySecret-a1b2c3"],
		"detail":{"name":"mySecret","labelUpdated":"AWSCURRENT","versionId":"a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"}}`))
	fmt.Println(e.Kind, e.Stages, e.VersionID, err)
	for _, id := range e.IDs() {
		fmt.Println(id)
	}
	_, err = notify.Parse([]byte(`{"source":"aws.s3","detail-type":"Object Created","detail":{"key":"a"}}`))
	fmt.Println(err)
	// Output:
	// label moved [AWSCURRENT] a1b2c3d4-5678-90ab-cdef-EXAMPLE11111 <nil>
	// mySecret
	// arn:aws:secretsmanager:us-west-2:012345678901:secret:mySecret-a1b2c3
	// arn:aws:secretsmanager:us-west-2:012345678901:secret:mySecret
	// no event that is known: it has source aws.s3, detail-type "Object Created", the keys detail, detail-type, source; its detail has no key that an event has, and 1 more
}

// A relay passes on what came from a queue, and each process reads it.
func ExampleFormat() {
	message, err := notify.Format(notify.Event{
		Kind: notify.LabelMoved, Name: "prod/db", Stages: []string{"AWSCURRENT"},
		VersionID: "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111", Time: time.Date(2024, 2, 6, 16, 43, 48, 0, time.UTC),
	})
	fmt.Println(string(message), err)
	e, err := notify.Parse(message)
	fmt.Println(e.Kind, e.Name, e.Stages, err)
	// Output:
	// {"source":"typedsecret.relay","detail-type":"label moved","time":"2024-02-06T16:43:48Z","detail":{"name":"prod/db","stages":["AWSCURRENT"],"versionId":"a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"}} <nil>
	// label moved prod/db [AWSCURRENT] <nil>
}

// The endpoint takes the posts of one SNS topic, and those of an EventBridge API destination
// whose token is a secret too.
func ExampleNewHandler() {
	token := typedsecret.New[string]("prod/events-token")
	events, err := notify.NewHandler(notify.HandlerConfig{
		Topics: []string{"arn:aws:sns:eu-west-1:123456789012:rotations"},
		Tokens: func(ctx context.Context) ([]string, error) {
			now, err := token.Get(ctx)
			return []string{now}, err
		},
		OnError: func(err error) { fmt.Println(err) },
	}, func(_ context.Context, e notify.Event) error {
		fmt.Println(e.Kind, e.Name)
		return nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/events", events)
	server := &http.Server{Handler: mux, ReadTimeout: 10 * time.Second} // ListenAndServeTLS serves it
	_ = server

	r := httptest.NewRequest(http.MethodPost, "/events", bytes.NewReader(nil))
	r.Header.Set("X-Amz-Sns-Message-Type", "Notification")
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	fmt.Println(w.Code)
	// Output:
	// notify: the body of an SNS post is none of its envelopes
	// 400
}

// A carrier is a Receiver of the events of a fake Secrets Manager.
type carrier chan []byte

func carry(server *secrettest.Server) carrier {
	c := make(carrier)
	server.OnEvent(func(ctx context.Context, event secrettest.Event) error {
		body, err := json.Marshal(event)
		if err != nil {
			return err
		}
		select {
		case c <- body:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	return c
}

// Receive hands the events over until ctx ends.
func (c carrier) Receive(ctx context.Context, handle func(context.Context, notify.Event) error) error {
	for {
		select {
		case body := <-c:
			e, err := notify.Parse(body)
			if err != nil {
				continue
			}
			_ = handle(ctx, e) // this carrier delivers once
		case <-ctx.Done():
			return nil
		}
	}
}

// A test's Receiver needs no queue: it takes the events of secrettest.
func ExampleReceiver() {
	server, err := secrettest.Start(secrettest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	var receiver notify.Receiver = carry(server)
	server.Create("prod/db", "one")
	ctx, cancel := context.WithCancel(context.Background())
	err = receiver.Receive(ctx, func(_ context.Context, e notify.Event) error {
		fmt.Println(e.Kind, e.Name, e.Stages)
		cancel()
		return nil
	})
	fmt.Println(err)
	// Output:
	// label moved prod/db [AWSCURRENT]
	// <nil>
}
