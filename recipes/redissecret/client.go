// Package redissecret logs a go-redis client in with a secret. Commands go on while the
// password is rotated: a command that needs a new connection waits until the login is
// accepted.
//
//	client := redissecret.NewClient(login, Login.Credentials, &redis.Options{Addr: "redis:6379"})
package redissecret

import (
	"github.com/redis/go-redis/v9"

	"github.com/typedsecret/typedsecret"
)

// NewClient returns a client of redis.NewClient with the options in opt, but with the
// credentials that the function makes of the secret. It does not change opt, which may be
// nil. An empty user means Redis's default user; with an empty password there is no login.
//
// Each new connection logs in by [typedsecret.Secret.Do]. If Redis refuses the present
// value with WRONGPASS or NOAUTH, the secret is refreshed and the login tried again;
// typedsecret.WithRejected is not used. Meanwhile the command, pipeline, transaction or
// subscription that needs the connection waits. It is sent once, after the login, so no
// command is executed twice.
//
// The wait lasts as long as the context and typedsecret.WithRetryBudget allow; go-redis's
// own timeouts do not end it. A pipeline or a subscription may wait twice as long, since
// go-redis goes on to a second connection. After that, the error wraps
// typedsecret.ErrRejected.
//
// If connections that log in take all places of the pool, a command waits for PoolTimeout
// in each of its tries, whose number MaxRetries bounds. With the defaults that is longer
// than a login takes. With a MaxRetries of -1, make PoolTimeout longer than the retry
// budget.
//
// Open connections don't use the secret, and Redis leaves them logged in after a password
// was changed. go-redis turns client-side caching off, since the credentials may change.
//
// A Sentinel, a cluster and a redis.UniversalClient have functions of their own here. For a
// ring, call NewClient in the NewClient function of its options.
func NewClient[T any](secret *typedsecret.Secret[T], credentials func(T) (user, password string), opt *redis.Options) *redis.Client {
	var o redis.Options
	if opt != nil {
		o = *opt
	}
	h := newHook(secret, credentials)
	o.Username, o.Password = "", ""
	o.CredentialsProvider, o.StreamingCredentialsProvider = nil, nil
	o.CredentialsProviderContext = h.provide
	client := redis.NewClient(&o)
	client.AddHook(h)
	return client
}
