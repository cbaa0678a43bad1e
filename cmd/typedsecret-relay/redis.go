package main

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/recipes/redissecret"
)

// A login is what the secret of a target holds.
type login struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

func (l login) credentials() (user, password string) { return l.Username, l.Password }

type redisTarget struct {
	client  *redis.Client
	channel string
}

func newRedis(s settings) (target, error) {
	o, err := redis.ParseURL(s.redis)
	if err != nil {
		return nil, errors.New("-redis is no URL that go-redis knows; behind the port only the number of a database may stand")
	}
	o.Username, o.Password = s.redisUser, s.redisPassword
	if s.redisSecret != "" {
		secret := typedsecret.New[login](s.redisSecret)
		return &redisTarget{redissecret.NewClient(secret, login.credentials, o), s.redisChannel}, nil
	}
	return &redisTarget{redis.NewClient(o), s.redisChannel}, nil
}

func (t *redisTarget) name() string { return "redis" }

func (t *redisTarget) publish(ctx context.Context, message []byte) error {
	return t.client.Publish(ctx, t.channel, message).Err()
}

func (t *redisTarget) ping(ctx context.Context) error { return t.client.Ping(ctx).Err() }

func (t *redisTarget) close() { _ = t.client.Close() }
