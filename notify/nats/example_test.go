package natsnotify_test

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/nats-io/nats.go"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/notify"
	natsnotify "github.com/typedsecret/typedsecret/notify/nats"
	"github.com/typedsecret/typedsecret/secrettest"
)

// A Login is what the secret of the NATS server holds.
type Login struct {
	User     string `json:"user"`
	Password string `json:"password"`
}

// The password of NATS is a secret too, which may be rotated at any time.
func ExampleNew() {
	natsServer, err := newServer()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer natsServer.stop()
	manager, err := secrettest.Start(secrettest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer manager.Close()
	manager.Create("prod/nats", `{"user":"app","password":"first"}`)
	login := typedsecret.New[Login]("prod/nats", typedsecret.WithClient(clientOf(manager)))

	receiver, err := natsnotify.New(natsnotify.Config{
		URL:     natsServer.url(),
		Subject: "rotations",
		Credentials: func(ctx context.Context, refused bool) (nats.Option, error) {
			get := login.Get
			if refused {
				get = login.Refresh
			}
			now, err := get(ctx)
			return nats.UserInfo(now.User, now.Password), err
		},
		OnError: func(err error) { fmt.Println(err) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { // as a relay does
		for ctx.Err() == nil && natsServer.publish(native("prod/db")) == nil {
		}
	}()
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

func clientOf(s *secrettest.Server) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		BaseEndpoint: aws.String(s.URL()), Region: "us-east-1", HTTPClient: s.Client(),
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
}
