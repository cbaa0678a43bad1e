// Command push shows in some twenty seconds how a rotation is seen soon, without AWS. A rotation
// is announced over NATS, and the service has the new password within seconds. Then the NATS
// server is down during a rotation, and the service finds that out when it is back.
//
// The NATS server and the fake Secrets Manager of package secrettest run in this process; the
// AWS SDK, NATS and its client are the real ones.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/notify"
	natsnotify "github.com/typedsecret/typedsecret/notify/nats"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/awssm"
)

// DBCreds is what the secret holds.
type DBCreds struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// The TTL is the default of an hour, so that nothing but an event brings a new password here.
var db = typedsecret.New[DBCreds]("prod/db")

func main() {
	if err := run(context.Background(), os.Stdout, pace{pause: 3 * time.Second, spread: cache.DefaultEventSpread}); err != nil {
		log.Fatal(err)
	}
}

// pace is how long the story takes.
type pace struct {
	pause  time.Duration // between two steps, for a reader
	spread time.Duration // Config.EventSpread
}

// A story has what its steps need.
type story struct {
	pace
	out     io.Writer
	began   time.Time
	manager *secrettest.Server
	client  *secretsmanager.Client
	nats    *natsServer
	values  chan string   // the passwords that the service sees
	lost    chan struct{} // an event is lost

	mu sync.Mutex // guards out
}

func run(ctx context.Context, out io.Writer, p pace) (err error) {
	s := &story{pace: p, out: out, began: time.Now(), values: make(chan string), lost: make(chan struct{}, 1)}
	if s.manager, err = secrettest.Start(secrettest.Config{}); err != nil {
		return err
	}
	defer s.manager.Close()
	if s.nats, err = startNATS(); err != nil {
		return err
	}
	defer s.nats.stop()
	s.client = secretsmanager.New(secretsmanager.Options{
		BaseEndpoint: aws.String(s.manager.URL()), Region: "eu-west-1", HTTPClient: s.manager.Client(),
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	if _, err := s.manager.Create("prod/db", secretOf("password 1")); err != nil {
		return err
	}
	s.manager.OnEvent(s.relay)

	source, err := awssm.New(s.client)
	if err != nil {
		return err
	}
	c, err := cache.New(source, cache.Config{EventSpread: p.spread})
	if err != nil {
		return err
	}
	defer c.Close()
	typedsecret.SetDefault(c)

	receiver, err := natsnotify.New(natsnotify.Config{
		URL: s.nats.url(), Subject: subject,
		OnError: func(err error) { s.tell("reported", "%v", err) },
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { // all that a service adds; c.HandleEvent is enough for handle
		_ = receiver.Receive(ctx, func(ctx context.Context, e notify.Event) error {
			s.tell("event", "%s %s", e.Kind, e.Name)
			return c.HandleEvent(ctx, e)
		})
	})
	running.Go(func() { s.watch(ctx) })
	fmt.Fprintf(out, "A fake Secrets Manager and a NATS server run here; NATS and all clients are the real ones.\n"+
		"The TTL is %v. A fetch for an event is made within %v, at a random moment.\n\n", cache.DefaultTTL, max(p.spread, 0))
	for _, step := range []func(context.Context) error{s.start, s.announced, s.missed} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "\nSecrets Manager has answered GetSecretValue %d times. The next refresh by time would come within the hour.\n",
		s.manager.Calls("GetSecretValue"))
	return nil
}

// watch passes on what the service sees.
func (s *story) watch(ctx context.Context) {
	for creds, err := range db.Watch(ctx) {
		if err != nil {
			s.tell("failed", "%v", err)
			continue
		}
		select {
		case s.values <- creds.Password:
		case <-ctx.Done():
			return
		}
	}
}

// relay publishes an event as AWS sends it. In AWS, an EventBridge rule brings it to a queue, and
// a relay from there to NATS.
func (s *story) relay(_ context.Context, event secrettest.Event) error {
	message, err := json.Marshal(event)
	if err != nil {
		return err
	}
	if err := s.nats.publish(message); err != nil {
		s.tell("lost", "the event of the rotation: %v", err)
		select {
		case s.lost <- struct{}{}:
		default:
		}
	}
	return nil
}

// start waits until the service has its secret and is subscribed.
func (s *story) start(ctx context.Context) error {
	if err := s.await(ctx, "password 1"); err != nil {
		return err
	}
	if err := s.nats.awaitSubscriber(ctx); err != nil {
		return err
	}
	s.tell("started", "the service has read prod/db, and is subscribed on NATS")
	return nil
}

// announced rotates the secret while all is well.
func (s *story) announced(ctx context.Context) error {
	time.Sleep(s.pause)
	rotated, err := s.rotate(ctx, "password 2")
	if err != nil {
		return err
	}
	if err := s.await(ctx, "password 2"); err != nil {
		return err
	}
	s.tell("seen", "the service has the new password, %.1f s after the rotation", time.Since(rotated).Seconds())
	return nil
}

// missed rotates the secret while the NATS server is down.
func (s *story) missed(ctx context.Context) error {
	time.Sleep(s.pause)
	s.nats.stop()
	s.tell("stopped", "the NATS server")
	rotated, err := s.rotate(ctx, "password 3")
	if err != nil {
		return err
	}
	select {
	case <-s.lost:
	case <-ctx.Done():
		return ctx.Err()
	}
	time.Sleep(s.pause)
	if err := s.nats.start(); err != nil {
		return err
	}
	s.tell("started", "the NATS server; the service still has the old password")
	back := time.Now()
	if err := s.await(ctx, "password 3"); err != nil {
		return err
	}
	s.tell("seen", "the service has the new password, %.1f s after the rotation, %.1f s after NATS was back",
		time.Since(rotated).Seconds(), time.Since(back).Seconds())
	return nil
}

// rotate gives the secret a new version, as a rotation does.
func (s *story) rotate(ctx context.Context, password string) (rotated time.Time, err error) {
	s.tell("rotated", "prod/db in Secrets Manager, which sends an event")
	rotated = time.Now()
	_, err = s.client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: aws.String("prod/db"), SecretString: aws.String(secretOf(password)),
	})
	return rotated, err
}

func secretOf(password string) string {
	return fmt.Sprintf(`{"username":"app","password":%q}`, password)
}

// await waits until the service sees a password.
func (s *story) await(ctx context.Context, password string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		select {
		case seen := <-s.values:
			if seen == password {
				return nil
			}
		case <-ctx.Done():
			return fmt.Errorf("the service has not seen the rotation in a minute: %w", ctx.Err())
		}
	}
}

// tell prints what happened, and when.
func (s *story) tell(what, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, "%5.1f s  %-8s  %s\n", time.Since(s.began).Seconds(), what, fmt.Sprintf(format, args...))
}
