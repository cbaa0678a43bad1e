package redissecret

import (
	"github.com/redis/go-redis/v9"

	"github.com/typedsecret/typedsecret"
)

// NewFailoverClient is [NewClient] for the master that Sentinels name. It is a client of
// redis.NewFailoverClient. The secret is for the master and its replicas. Logins at the
// Sentinels themselves use SentinelUsername and SentinelPassword of the options, which
// must not be nil.
func NewFailoverClient[T any](secret *typedsecret.Secret[T], credentials func(T) (user, password string), opt *redis.FailoverOptions) *redis.Client {
	h := newHook(secret, credentials)
	client := redis.NewFailoverClient(h.failover(*opt))
	client.AddHook(h)
	return client
}

// NewFailoverClusterClient is [NewFailoverClient] for a client of
// redis.NewFailoverClusterClient, which sends reads to replicas.
func NewFailoverClusterClient[T any](secret *typedsecret.Secret[T], credentials func(T) (user, password string), opt *redis.FailoverOptions) *redis.ClusterClient {
	h := newHook(secret, credentials)
	return h.each(redis.NewFailoverClusterClient(h.failover(*opt)))
}

func (h *hook[T]) failover(o redis.FailoverOptions) *redis.FailoverOptions {
	o.Username, o.Password = "", ""
	o.CredentialsProvider, o.StreamingCredentialsProvider = nil, nil
	o.CredentialsProviderContext = h.provide
	return &o
}

// NewClusterClient is [NewClient] for a Redis Cluster: it is a client of
// redis.NewClusterClient. The secret is for all nodes. In the window of a rotation some
// nodes may know the new password and others not yet; each login waits for its own node.
// The options must not be nil.
func NewClusterClient[T any](secret *typedsecret.Secret[T], credentials func(T) (user, password string), opt *redis.ClusterOptions) *redis.ClusterClient {
	h, o := newHook(secret, credentials), *opt
	o.Username, o.Password = "", ""
	o.CredentialsProvider, o.StreamingCredentialsProvider = nil, nil
	o.CredentialsProviderContext = h.provide
	return h.each(redis.NewClusterClient(&o))
}

// each adds the hook to the clients of all nodes. None has been made before.
func (h *hook[T]) each(client *redis.ClusterClient) *redis.ClusterClient {
	client.OnNewNode(func(node *redis.Client) { node.AddHook(h) })
	return client
}

// NewUniversalClient is [NewClient] for the kind of client that redis.NewUniversalClient
// chooses by its options: one server, Sentinels or a cluster. The options must not be nil.
func NewUniversalClient[T any](secret *typedsecret.Secret[T], credentials func(T) (user, password string), opt *redis.UniversalOptions) redis.UniversalClient {
	h, o := newHook(secret, credentials), *opt
	o.Username, o.Password = "", ""
	o.CredentialsProvider, o.StreamingCredentialsProvider = nil, nil
	o.CredentialsProviderContext = h.provide
	switch client := redis.NewUniversalClient(&o).(type) {
	case *redis.ClusterClient:
		return h.each(client)
	default:
		client.AddHook(h)
		return client
	}
}
