package main

import (
	"bytes"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"
)

// settings are the flags, and the passwords, which only the environment has.
type settings struct {
	queue string

	redis, redisChannel, redisUser, redisPassword, redisSecret string

	nats, natsSubject, natsUser, natsPassword, natsSecret, natsCreds string

	listen                     string
	publishTimeout, staleAfter time.Duration
}

// environment is the prefix of the environment variables.
const environment = "TYPEDSECRET_RELAY_"

// defaultChannel is also the default of the subject.
const defaultChannel = "rotations"

// minStale returns a time longer than the one between two answers of the queue to a healthy relay:
// SQS answers a poll within 20 s, and each of its 10 events may take -publish-timeout.
func (s settings) minStale() time.Duration { return 25*time.Second + 10*s.publishTimeout }

func (s *settings) flags() *flag.FlagSet {
	f := flag.NewFlagSet("typedsecret-relay", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&s.queue, "queue", "", "`URL` of the SQS queue, as GetQueueUrl returns it")
	f.StringVar(&s.redis, "redis", "", "`URL` of a Redis, such as rediss://redis:6379; any node of a cluster will do")
	f.StringVar(&s.redisChannel, "redis-channel", defaultChannel, "the `channel` to publish on")
	f.StringVar(&s.redisUser, "redis-user", "", "the `user` whose password is in "+environment+"REDIS_PASSWORD; if empty, the default user")
	f.StringVar(&s.redisSecret, "redis-secret", "", "`ID` of a secret with Redis's login, {\"username\":…,\"password\":…}")
	f.StringVar(&s.nats, "nats", "", "`URL` of a NATS server, such as tls://nats:4222, or several with commas between")
	f.StringVar(&s.natsSubject, "nats-subject", defaultChannel, "the `subject` to publish on")
	f.StringVar(&s.natsUser, "nats-user", "", "the `user` whose password is in "+environment+"NATS_PASSWORD")
	f.StringVar(&s.natsSecret, "nats-secret", "", "`ID` of a secret with NATS's login, {\"username\":…,\"password\":…}")
	f.StringVar(&s.natsCreds, "nats-creds", "", "`file` with NATS's credentials, made by nsc")
	f.StringVar(&s.listen, "listen", ":8080", "`address` of /healthz and /metrics")
	f.DurationVar(&s.publishTimeout, "publish-timeout", 2*time.Second, "the longest `time` that a target has for an event")
	f.DurationVar(&s.staleAfter, "stale-after", time.Minute, "the longest `time` without an answer of the queue or a target for which /healthz says 200")
	return f
}

// usage is printed for -h.
func usage() string {
	var b bytes.Buffer
	fmt.Fprint(&b, "Usage: typedsecret-relay -queue URL [-redis URL] [-nats URL] [flags]\n\n"+
		"Publishes the events of rotations from an SQS queue to Redis, NATS or both.\n\n"+
		"A flag can be set by the environment: -redis-channel by "+environment+"REDIS_CHANNEL.\n"+
		"Passwords are in "+environment+"REDIS_PASSWORD and "+environment+"NATS_PASSWORD.\n\nFlags:\n\n")
	f := new(settings).flags()
	f.SetOutput(&b)
	f.PrintDefaults()
	return b.String()
}

// variable returns the environment variable of a flag.
func variable(name string) string {
	return environment + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// parse reads the environment, and then the flags. Its errors quote no URL, since that may hold a
// password.
func parse(args []string, lookUp func(string) (string, bool)) (settings, error) {
	var s settings
	f := s.flags()
	var wrong error
	f.VisitAll(func(each *flag.Flag) {
		name := variable(each.Name)
		if value, ok := lookUp(name); ok && f.Set(each.Name, value) != nil && wrong == nil {
			wrong = fmt.Errorf("the environment variable %s has no value that -%s can have", name, each.Name)
		}
	})
	if wrong != nil {
		return s, wrong
	}
	if err := f.Parse(args); err != nil {
		return s, err
	}
	if f.NArg() > 0 {
		return s, fmt.Errorf("there are %d words beside the flags", f.NArg())
	}
	s.redisPassword, _ = lookUp(environment + "REDIS_PASSWORD")
	s.natsPassword, _ = lookUp(environment + "NATS_PASSWORD")
	return s, s.validate()
}

func (s settings) validate() error {
	switch {
	case s.queue == "":
		return errors.New("-queue is missing: the URL of the SQS queue")
	case s.redis == "" && s.nats == "":
		return errors.New("no target: set -redis, -nats or both")
	case s.publishTimeout <= 0:
		return fmt.Errorf("-publish-timeout is %v; it must be positive", s.publishTimeout)
	case s.staleAfter < s.minStale():
		return fmt.Errorf("-stale-after is %v; it must be at least %v, since a poll takes 20 s, and its 10 events -publish-timeout each", s.staleAfter, s.minStale())
	}
	return cmp.Or(s.validateRedis(), s.validateNATS())
}

func (s settings) validateRedis() error {
	switch {
	case s.redis == "" && cmp.Or(s.redisUser, s.redisPassword, s.redisSecret) != "":
		return errors.New("there is a login for Redis, and no -redis")
	case s.redis == "":
		return nil
	case s.redisUser != "" && s.redisPassword == "":
		return fmt.Errorf("-redis-user is set, and %sREDIS_PASSWORD is not", environment)
	case s.redisSecret != "" && s.redisPassword != "":
		return fmt.Errorf("-redis-secret and %sREDIS_PASSWORD are both set", environment)
	case s.redisChannel == "":
		return errors.New("-redis-channel is empty")
	}
	return checkURL("-redis", s.redis, "redis", "rediss")
}

func (s settings) validateNATS() error {
	switch {
	case s.nats == "" && cmp.Or(s.natsUser, s.natsPassword, s.natsSecret, s.natsCreds) != "":
		return errors.New("there is a login for NATS, and no -nats")
	case s.nats == "":
		return nil
	case (s.natsUser == "") != (s.natsPassword == ""):
		return fmt.Errorf("of -nats-user and %sNATS_PASSWORD one is set, and one is not", environment)
	case s.natsUser != "" && s.natsSecret != "", s.natsUser != "" && s.natsCreds != "", s.natsSecret != "" && s.natsCreds != "":
		return errors.New("of -nats-user, -nats-secret and -nats-creds only one may be set")
	case s.natsSubject == "" || strings.ContainsAny(s.natsSubject, "*> \t\r\n"):
		return errors.New("-nats-subject is empty, or is a pattern: an event is published on one subject")
	}
	for server := range strings.SplitSeq(s.nats, ",") {
		if err := checkURL("-nats", server, "nats", "tls"); err != nil {
			return err
		}
	}
	return nil
}

// checkURL refuses a text that is not the URL of a target, and a URL with a login: other users of
// the machine can see flags.
func checkURL(name, text string, schemes ...string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || !slices.Contains(schemes, u.Scheme):
		return fmt.Errorf("%s is no URL of the form %s://host:port or %s://host:port, which demands TLS", name, schemes[0], schemes[1])
	case u.User != nil:
		return fmt.Errorf("%[1]s has a login in it; use %[1]s-user and %[2]s_PASSWORD, or %[1]s-secret", name, variable(name[1:]))
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%s has a query or a fragment; only the host and the port may be there", name)
	}
	return nil
}
