// Package redissecret logs a go-redis client in with a secret, and again with the new
// password after it was rotated; a command that needs a new connection waits until its
// login is accepted:
//
//	client := redissecret.NewClient(login, Login.Credentials, &redis.Options{Addr: "redis:6379"})
package redissecret

import (
	"context"
	"crypto/rand"

	"github.com/redis/go-redis/v9"

	"github.com/typedsecret/typedsecret"
)

// NewClient returns a client of redis.NewClient with the options in opt, which it does
// not change and in which nil stands for none; only its credentials are those that the
// function makes of the secret. An empty user is Redis's default one; with an empty
// password there is no login.
//
// Each new connection logs in by [typedsecret.Secret.Do]: if Redis refuses the present
// value (WRONGPASS or NOAUTH; typedsecret.WithRejected has no say), the connection tries
// again with what a refresh brings. What needs the connection
// (a command, a pipeline, a transaction, a subscription) waits for that, and is sent
// once, when it is logged in; so no command is executed twice. It waits for as long as
// its context and typedsecret.WithRetryBudget allow, go-redis's own timeouts
// notwithstanding, and a pipeline or a subscription perhaps twice as long, as go-redis
// goes on to a second connection. Then the error wraps typedsecret.ErrRejected. What finds
// all places of the pool taken by connections that log in waits for PoolTimeout, as often
// as MaxRetries says: by the defaults that is longer than a login takes, and with a
// MaxRetries of -1 the PoolTimeout should be longer than the retry budget.
//
// Connections that are open don't ask the secret, and Redis leaves them logged in after
// a password was changed. As credentials may change, go-redis does without client-side
// caching. For a cluster or a ring, call NewClient in the NewClient function of its
// options.
func NewClient[T any](secret *typedsecret.Secret[T], credentials func(T) (user, password string), opt *redis.Options) *redis.Client {
	var o redis.Options
	if opt != nil {
		o = *opt
	}
	h := &hook[T]{secret: secret, credentials: credentials, placeholder: rand.Text()}
	o.Username, o.Password = "", ""
	o.CredentialsProvider, o.StreamingCredentialsProvider = nil, nil
	o.CredentialsProviderContext = func(context.Context) (user, password string, err error) {
		return "", h.placeholder, nil
	}
	client := redis.NewClient(&o)
	client.AddHook(h)
	return client
}
