package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const queueURL = "https://sqs.eu-west-1.amazonaws.com/123456789012/rotations"

// variables is an environment.
type variables map[string]string

func (v variables) lookUp(name string) (string, bool) {
	value, ok := v[name]
	return value, ok
}

func TestAWrongSettingIsOneLineAndExit2(t *testing.T) {
	redis, nats := []string{"-queue", queueURL, "-redis", "rediss://a"}, []string{"-queue", queueURL, "-nats", "tls://a"}
	for want, row := range map[string]struct {
		args []string
		env  variables
	}{
		"flag provided but not defined: -hunter": {[]string{"-hunter=hunter2"}, nil},
		"there are 1 words beside the flags":     {append(redis, "hunter2"), nil},
		"-queue is missing":                      {[]string{"-redis", "redis://a"}, nil},
		"no target: set -redis, -nats or both":   {[]string{"-queue", queueURL}, nil},
		"-publish-timeout is 0s; it must be":     {append(redis, "-publish-timeout", "0"), nil},
		"-stale-after is 30s; it must be at least 45s": {
			append(redis, "-stale-after", "30s"), nil,
		},
		"-stale-after is 1m0s; it must be at least 2m5s": {append(redis, "-publish-timeout", "10s"), nil},
		"the environment variable TYPEDSECRET_RELAY_STALE_AFTER has no value that -stale-after can have": {
			redis, variables{"TYPEDSECRET_RELAY_STALE_AFTER": "hunter2"},
		},
		"there is a login for Redis, and no -redis": {append(nats, "-redis-secret", "hunter2"), nil},
		"there is a login for NATS, and no -nats":   {append(redis, "-nats-creds", "hunter2"), nil},
		"-redis-user is set, and TYPEDSECRET_RELAY_REDIS_PASSWORD is not": {
			append(redis, "-redis-user", "hunter2"), nil,
		},
		"-redis-secret and TYPEDSECRET_RELAY_REDIS_PASSWORD are both set": {
			append(redis, "-redis-secret", "a"), variables{"TYPEDSECRET_RELAY_REDIS_PASSWORD": "hunter2"},
		},
		"of -nats-user and TYPEDSECRET_RELAY_NATS_PASSWORD one is set": {
			nats, variables{"TYPEDSECRET_RELAY_NATS_PASSWORD": "hunter2"},
		},
		"of -nats-user, -nats-secret and -nats-creds only one may be set": {
			append(nats, "-nats-secret", "hunter2", "-nats-creds", "hunter2"), nil,
		},
		"-redis-channel is empty":                 {append(redis, "-redis-channel", ""), nil},
		"-nats-subject is empty, or is a pattern": {append(nats, "-nats-subject", "hunter2.>"), nil},
		"-redis is no URL of the form redis://":   {[]string{"-queue", queueURL, "-redis", "hunter2:6379"}, nil},
		"-nats is no URL of the form nats://":     {[]string{"-queue", queueURL, "-nats", "tls://a, http://hunter2"}, nil},
		"-redis has a login in it; use -redis-user and TYPEDSECRET_RELAY_REDIS_PASSWORD": {
			[]string{"-queue", queueURL, "-redis", "redis://:hunter2@a"}, nil,
		},
		"-nats has a login in it": {[]string{"-queue", queueURL, "-nats", "tls://a,tls://hunter2@b"}, nil},
		"-redis has a query":      {[]string{"-queue", queueURL, "-redis", "redis://a?password=hunter2"}, nil},
		"-redis is no URL that go-redis knows": {
			[]string{"-queue", queueURL, "-redis", "redis://a/hunter2"}, nil,
		},
		"-queue: sqsnotify: Config.QueueURL is no URL": {
			[]string{"-queue", "hunter2", "-redis", "redis://a"}, variables{},
		},
		"the queue's region is neither in -queue nor in AWS_REGION": {
			[]string{"-queue", "http://localhost:9324/1/hunter2", "-redis", "redis://a"}, variables{"AWS_REGION": ""},
		},
		"-nats: nats: open /none: no such file": {append(nats, "-nats-creds", "/none"), nil},
	} {
		t.Run(want, func(t *testing.T) {
			t.Setenv("AWS_REGION", "eu-west-1")
			if region, ok := row.env["AWS_REGION"]; ok {
				t.Setenv("AWS_REGION", region)
			}
			var out bytes.Buffer
			status := run(t.Context(), row.args, row.env.lookUp, &out)
			said := out.String()
			if status != 2 || !strings.HasPrefix(said, "typedsecret-relay: "+want) || strings.Count(said, "\n") != 1 {
				t.Errorf("exit %d, %q", status, said)
			}
			if strings.Contains(said, "hunter2") {
				t.Errorf("quoted: %s", said)
			}
		})
	}
}

func TestFlagsComeFromTheEnvironmentToo(t *testing.T) {
	got, err := parse([]string{"-listen", ":1"}, variables{
		"TYPEDSECRET_RELAY_QUEUE": queueURL, "TYPEDSECRET_RELAY_LISTEN": ":2", "TYPEDSECRET_RELAY_NATS": "nats://a,tls://b:4222",
		"TYPEDSECRET_RELAY_NATS_USER": "app", "TYPEDSECRET_RELAY_NATS_PASSWORD": "hunter2", "TYPEDSECRET_RELAY_STALE_AFTER": "2m",
		"TYPEDSECRET_RELAY_PORT": "tcp://10.0.0.1:8080", // Kubernetes sets it for a service of that name
	}.lookUp)
	want := settings{
		queue: queueURL, redisChannel: "rotations",
		nats: "nats://a,tls://b:4222", natsSubject: "rotations", natsUser: "app", natsPassword: "hunter2",
		listen: ":1", publishTimeout: 2 * time.Second, staleAfter: 2 * time.Minute,
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(settings{})); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestHelpIsNoMistake(t *testing.T) {
	var out bytes.Buffer
	if status := run(t.Context(), []string{"-h"}, variables{}.lookUp, &out); status != 0 || !strings.Contains(out.String(), "-redis-channel channel") {
		t.Errorf("exit %d: %s", status, &out)
	}
}

func TestTheRegionIsThatOfTheQueue(t *testing.T) {
	for queue, want := range map[string]string{
		queueURL: "eu-west-1",
		"https://sqs.cn-north-1.amazonaws.com.cn/1/a": "cn-north-1",
		"https://sqs.eu-west-1.api.aws/1/a":           "eu-west-1",
		"https://sqs-fips.us-east-1.amazonaws.com/a":  "us-east-1",
		"http://localhost:9324/1/a":                   "",
		"https://sqs.eu-west-1.amazonaws.com.evil/a":  "",
	} {
		if got := regionOf(queue); got != want {
			t.Errorf("%s: %q", queue, got)
		}
	}
}
