package sqsnotify_test

import (
	"context"
	"log"
	"log/slog"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	sqsnotify "github.com/typedsecret/typedsecret/notify/sqs"
	"github.com/typedsecret/typedsecret/source"
)

// DBCreds is what the secret holds.
type DBCreds struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

var db = typedsecret.New[DBCreds]("prod/db")

// A service whose cache gets the events of rotations from a queue. It logs each new version of
// its secret, and the time from the rotation until it had the version.
func Example_service() {
	ctx := context.Background() // ends with the service
	from, err := source.FromEnvironment(ctx)
	if err != nil {
		log.Fatal(err)
	}
	secrets, err := cache.New(from, cache.Config{Observer: hook.Log(slog.Default())})
	if err != nil {
		log.Fatal(err)
	}
	defer secrets.Close()
	typedsecret.SetDefault(secrets)

	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	receiver, err := sqsnotify.New(sqsnotify.Config{
		Client:   sqs.NewFromConfig(cfg),
		QueueURL: os.Getenv("ROTATIONS_QUEUE_URL"),
		OnError:  func(err error) { log.Print(err) },
	})
	if err != nil {
		log.Fatal(err)
	}
	go func() { // until ctx ends
		if err := receiver.Receive(ctx, secrets.HandleEvent); err != nil {
			log.Print(err)
		}
	}()

	for _, err := range db.Watch(ctx) { // stands for the service's work
		log.Println("the service has a version of its secret; error:", err)
	}
}
