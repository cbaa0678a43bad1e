// Package relay has tests of deploy/ and of cmd/typedsecret-relay, with moto's EventBridge and
// SQS and a real Redis.
package relay_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/redis/go-redis/v9"

	"github.com/typedsecret/typedsecret/integration/internal/daemon"
	"github.com/typedsecret/typedsecret/integration/redistest"
	"github.com/typedsecret/typedsecret/notify"
	"github.com/typedsecret/typedsecret/secrettest"
)

// program builds the relay once.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "relaytest-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "typedsecret-relay")
	build := exec.Command("go", "build", "-o", path, ".")
	build.Dir = "../../cmd/typedsecret-relay"
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	status := m.Run()
	if path, err := program(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(status)
}

// startRelay starts the program.
func startRelay(t *testing.T, args ...string) *daemon.Process {
	t.Helper()
	path, err := program()
	must(t, err)
	p, err := daemon.Start(daemon.Command{
		Path: path, Args: append([]string{"-listen", "127.0.0.1:0"}, args...), Dir: t.TempDir(), Log: filepath.Join(t.TempDir(), "log"),
		Stop: syscall.SIGTERM, Orphaned: syscall.SIGKILL,
	})
	must(t, err)
	t.Cleanup(func() { p.Close(0) })
	return p
}

// listen returns the version IDs of the events on a channel of Redis.
func listen(t *testing.T, client *redis.Client, channel string) <-chan string {
	t.Helper()
	subscription := client.Subscribe(t.Context(), channel)
	t.Cleanup(func() { subscription.Close() })
	_, err := subscription.Receive(t.Context())
	must(t, err)
	messages := subscription.Channel(redis.WithChannelSize(10_000))
	versions := make(chan string, 10_000)
	go func() {
		for m := range messages {
			e, err := notify.Parse([]byte(m.Payload))
			if err != nil {
				t.Error(err)
			}
			versions <- e.VersionID
		}
	}()
	return versions
}

// TestAKilledRelayLosesNothingThatTheQueueHolds kills two relays by SIGKILL again and again in
// the middle of a burst. At each time Redis takes no event, so that some are under way.
func TestAKilledRelayLosesNothingThatTheQueueHolds(t *testing.T) {
	const events, everySo = 200, 20
	c, server := deploy(t, nil), redistest.New(t)
	// A message that a killed relay has received comes again in 2 s, not 30.
	_, err := c.queues.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{
		QueueUrl: aws.String(c.queue()), Attributes: map[string]string{"VisibilityTimeout": "2"},
	})
	must(t, err)
	must(t, server.SetUser(t.Context(), "app", "hunter2"))
	_, err = c.moto.Client().CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
		Name: aws.String("prod/redis"), SecretString: aws.String(`{"username":"app","password":"hunter2"}`),
	})
	must(t, err)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": c.moto.URL(), "AWS_REGION": region, "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "SECRET",
	} {
		t.Setenv(name, value)
	}
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), Username: "app", Password: "hunter2"})
	t.Cleanup(func() { client.Close() })
	versions := listen(t, client, "rotations")

	var burst []secrettest.Event
	for n := range events {
		burst = append(burst, event("prod/db", n))
	}
	c.send(t, burst...)
	relay := func() *daemon.Process {
		return startRelay(t, "-queue", c.queue(), "-redis", "redis://"+server.Addr(), "-redis-secret", "prod/redis")
	}
	relays := []*daemon.Process{relay(), relay()}
	published, seen, kills := 0, map[string]int{}, 0
	for len(seen) < events {
		select {
		case version := <-versions:
			published++
			seen[version]++
		case <-time.After(deadline):
			t.Fatalf("%d of %d events were published", len(seen), events)
		}
		if published%everySo == 0 && kills < 8 {
			must(t, client.Do(t.Context(), "CLIENT", "PAUSE", deadline.Milliseconds(), "WRITE").Err())
			for range 2 { // a relay that deletes too soon has the time to do so
				c.await(t, func(waiting, underWay int) bool { return underWay > 0 || waiting == 0 })
			}
			victim := kills % len(relays)
			must(t, syscall.Kill(relays[victim].PID(), syscall.SIGKILL))
			<-relays[victim].Exited()
			must(t, client.Do(t.Context(), "CLIENT", "UNPAUSE").Err())
			relays[victim] = relay()
			kills++
		}
	}
	c.await(t, func(waiting, underWay int) bool { return waiting+underWay == 0 })
	for _, r := range relays {
		must(t, r.Close(time.Minute))
	}
	for n := range events {
		delete(seen, fmt.Sprintf("%032d", n))
	}
	if len(seen) > 0 || kills != 8 {
		t.Errorf("%d kills, and versions that nobody has announced: %v", kills, slices.Collect(maps.Keys(seen)))
	}
	t.Logf("%d events, %d kills: %d published, %d of them again", events, kills, published, published-events)
}

// await waits for numbers of messages in the queue: those that can be received, and those that
// were received and are not deleted.
func (c *cloud) await(t *testing.T, good func(waiting, underWay int) bool) {
	t.Helper()
	for until := time.Now().Add(deadline); ; <-time.After(50 * time.Millisecond) {
		a := c.attributes(t, c.queue())
		waiting, err := strconv.Atoi(a["ApproximateNumberOfMessages"])
		must(t, err)
		underWay, err := strconv.Atoi(a["ApproximateNumberOfMessagesNotVisible"])
		must(t, err)
		if good(waiting, underWay) {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("%d messages wait, and %d are under way", waiting, underWay)
		}
	}
}
