package redisnotify_test

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/typedsecret/typedsecret/notify"
	redisnotify "github.com/typedsecret/typedsecret/notify/redis"
)

func TestARestartIsFollowedByMissed(t *testing.T) {
	s := startRedis(t)
	r := receive(t, s, newClient(t, s.options()), nil)
	for range 3 {
		s.publish(channel, moved("a"))
		r.wants("a")
		s.stop()
		r.wantsReport("EOF")
		s.start()
		r.wants(missed)
	}
	s.publish(channel, moved("b"))
	r.wants("b")
}

func TestAFirstConnectionThatComesLateIsFollowedByMissed(t *testing.T) {
	s := startRedis(t)
	s.stop()
	r := begin(t, newClient(t, s.options()), nil)
	r.wantsReport("connection refused")
	s.start()
	r.wants(missed)
	s.publish(channel, moved("a"))
	r.wants("a")
}

func TestAConnectionThatIsKilledIsFollowedByMissed(t *testing.T) {
	s := startRedis(t)
	s.allow("app", "one")
	opt := s.options()
	opt.Username, opt.Password = "app", "one"
	r := receive(t, s, newClient(t, opt), nil)
	for range 3 {
		s.kill("app")
		r.wants(missed)
	}
	s.publish(channel, moved("a"))
	r.wants("a")
}

// withLogin are the options of a client that asks for its credentials at each login.
func (s *server) withLogin(l *login) *redis.Options {
	opt := s.options()
	opt.CredentialsProviderContext = l.provide
	return opt
}

func TestARotatedPasswordIsThatOfTheNextConnection(t *testing.T) {
	s := startRedis(t)
	s.allow("app", "hunter2-one")
	l := &login{user: "app", password: "hunter2-one"}
	r := receive(t, s, newClient(t, s.withLogin(l)), nil)
	s.allow("app", "hunter2-two")
	r.wantsReport("; check the credentials of Config.Client")
	l.set("app", "hunter2-two")
	r.wants(missed)
	s.publish(channel, moved("a"))
	r.wants("a")
}

func TestTheNextUserTakesTheConnectionOver(t *testing.T) {
	s := startRedis(t)
	s.allow("app", "one")
	s.allow("app_clone", "two")
	l := &login{user: "app", password: "one"}
	r := receive(t, s, newClient(t, s.withLogin(l)), nil)
	l.set("app_clone", "two")
	s.do("ACL", "DELUSER", "app") // Redis closes its connections
	r.wants(missed)
	s.publish(channel, moved("a"))
	r.wants("a")
}

func TestAChannelThatIsNotAllowedIsReportedUntilItIs(t *testing.T) {
	s := startRedis(t)
	s.allow("app", "one")
	l := &login{user: "app", password: "one"}
	r := receive(t, s, newClient(t, s.withLogin(l)), nil)
	s.do("ACL", "SETUSER", "app", "resetchannels") // Redis closes the connection
	r.wantsReport("; allow the user the channel and the commands SUBSCRIBE and PING")
	s.do("ACL", "SETUSER", "app", "&"+channel)
	r.wants(missed)
	s.publish(channel, moved("a"))
	r.wants("a")
}

func TestASlowHandleIsDisconnectedByRedisAndLearnsThatItMissed(t *testing.T) {
	s := startRedis(t, "--client-output-buffer-limit", "pubsub 256kb 0 0")
	release := make(chan struct{})
	r := receive(t, s, newClient(t, s.options()), func(context.Context, notify.Event) error { <-release; return nil })
	s.publish(channel, moved("first"))
	r.wants("first")
	message := moved("prod/" + strings.Repeat("a", 400))
	for s.publish(channel, message) > 0 {
	}
	close(release)
	for next(r, r.took) != missed {
	}
	s.publish(channel, moved("last"))
	r.wants("last")
}

func TestAFloodIsTakenInOrder(t *testing.T) {
	const n = 5000
	s := startRedis(t)
	r := receive(t, s, newClient(t, s.options()), nil)
	if _, err := s.admin.Pipelined(t.Context(), func(p redis.Pipeliner) error {
		for i := range n {
			p.Publish(t.Context(), channel, moved(strconv.Itoa(i)))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		r.wants(strconv.Itoa(i))
	}
	if len(r.reports) > 0 {
		t.Error(next(t, r.reports))
	}
}

// pings returns how many pings the server has answered.
func (s *server) pings() int {
	s.Helper()
	text, err := s.admin.Info(context.Background(), "commandstats").Result()
	if err != nil {
		s.Fatal(err)
	}
	found := regexp.MustCompile(`cmdstat_ping:calls=([0-9]+)`).FindStringSubmatch(text)
	if found == nil {
		return 0
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		s.Fatal(err)
	}
	return n
}

func TestASilentConnectionIsPinged(t *testing.T) {
	s := startRedis(t)
	r := receive(t, s, newClient(t, s.options()), nil, func(r *redisnotify.Receiver) { r.PingEvery(50 * time.Millisecond) })
	for end := deadline(); s.pings() < 3; {
		select {
		case <-end:
			t.Fatal("no pings")
		case <-time.After(time.Millisecond):
		}
	}
	s.publish(channel, moved("a"))
	r.wants("a")
}
