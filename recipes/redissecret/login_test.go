package redissecret_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/recipes/redissecret"
)

// TestLogins tries each form of a login: with HELLO, and with AUTH where Redis knows no
// HELLO.
func TestLogins(t *testing.T) {
	type command = []any
	for name, test := range map[string]struct {
		login  Login
		server []command
		want   string // the answer to ACL WHOAMI, or a part of the error
	}{
		"user and password":           {Login{"app", "first"}, nil, "app"},
		"default user":                {Login{"", "sesame"}, []command{{"CONFIG", "SET", "requirepass", "sesame"}}, "default"},
		"no login":                    {Login{}, nil, "default"},
		"no login, but one is needed": {Login{}, []command{{"CONFIG", "SET", "requirepass", "sesame"}}, "NOAUTH"},
		"unknown user":                {Login{"other", "first"}, nil, "WRONGPASS"},
		"may do nothing":              {Login{"app", "first"}, []command{{"ACL", "SETUSER", "app", "-acl"}}, "NOPERM"},
	} {
		for how, config := range map[string][]string{"HELLO": nil, "HELLO SETNAME": nil, "AUTH": noHELLO} {
			t.Run(name+" "+how, func(t *testing.T) {
				server, rig := newRedis(t, config...), newRig(t)
				server.set(t, "first")
				for _, cmd := range test.server {
					if err := server.admin.Do(t.Context(), cmd...).Err(); err != nil {
						t.Fatal(err)
					}
				}
				rig.server.Seed(t, "prod/redis", `{"username":"`+test.login.Username+`","password":"`+test.login.Password+`"}`)
				secret := typedsecret.New[Login]("prod/redis", typedsecret.WithCache(rig.cache), typedsecret.WithRetryBudget(0))
				o := server.options()
				if how == "HELLO SETNAME" {
					o.ClientName = "tester"
				}
				o.Username, o.Password = "stale", "stale"
				client := redissecret.NewClient(secret, Login.Credentials, o)
				defer client.Close()
				who, err := client.Do(t.Context(), "ACL", "WHOAMI").Text()
				if who != test.want && (err == nil || !strings.Contains(err.Error(), test.want)) {
					t.Errorf("got %q, %v", who, err)
				}
				if o.Username != "stale" || o.CredentialsProviderContext != nil {
					t.Error("the caller's options were changed")
				}
			})
		}
	}
}

func TestErrorsOfTheSecretAreToldWhole(t *testing.T) {
	rig, server := newRig(t), newRedis(t)
	unknown := typedsecret.New[Login]("prod/unknown", typedsecret.WithCache(rig.cache))
	client := redissecret.NewClient(unknown, Login.Credentials, server.options())
	defer client.Close()
	var failed *typedsecret.Error
	if err := client.Ping(t.Context()).Err(); !errors.Is(err, typedsecret.ErrNotFound) || !errors.As(err, &failed) {
		t.Errorf("got %v", err)
	}

	for _, client := range []*redis.Client{
		redissecret.NewClient(nil, Login.Credentials, server.options()),
		redissecret.NewClient(unknown, nil, server.options()),
	} {
		if err := client.Ping(t.Context()).Err(); err == nil {
			t.Error("a client of nothing works")
		}
		client.Close()
	}
}

// TestAnErrorQuotesNoPassword: Redis itself quotes the arguments of a command that it does
// not know.
func TestAnErrorQuotesNoPassword(t *testing.T) {
	rig, server := newRig(t), newRedis(t, append(noHELLO, "--rename-command", "AUTH", "")...)
	rig.server.Seed(t, "prod/redis", payload("hunter2"))
	secret := typedsecret.New[Login]("prod/redis", typedsecret.WithCache(rig.cache))
	client := redissecret.NewClient(secret, Login.Credentials, server.options())
	defer client.Close()
	err := client.Ping(t.Context()).Err()
	if err == nil || !strings.Contains(err.Error(), "unknown command") || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "hunter2") {
		t.Errorf("got %v", err)
	}
}

func TestARingMakesItsClientsSo(t *testing.T) {
	server, rig := newRedis(t), newRig(t)
	server.set(t, "first")
	rig.server.Seed(t, "prod/redis", payload("first"))
	secret := typedsecret.New[Login]("prod/redis", typedsecret.WithCache(rig.cache))
	ring := redis.NewRing(&redis.RingOptions{
		Addrs: map[string]string{"only": server.socket},
		NewClient: func(o *redis.Options) *redis.Client {
			o.Network = "unix"
			return redissecret.NewClient(secret, Login.Credentials, o)
		},
	})
	defer ring.Close()
	if who, err := ring.Do(t.Context(), "ACL", "WHOAMI").Text(); who != "app" || err != nil {
		t.Errorf("got %q, %v", who, err)
	}
}
