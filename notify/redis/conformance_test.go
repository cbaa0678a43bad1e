package redisnotify_test

import (
	"fmt"
	"testing"

	"github.com/typedsecret/typedsecret/notify"
	"github.com/typedsecret/typedsecret/notify/notifytest"
	redisnotify "github.com/typedsecret/typedsecret/notify/redis"
)

func TestConformance(t *testing.T) {
	notifytest.Run(t, func(t testing.TB) notifytest.Harness {
		s := startRedis(t)
		round := 0
		l := &login{user: "app", password: "0"}
		s.allow("app", "0")
		client := newClient(t, s.withLogin(l))
		return notifytest.Harness{
			Receiver: func(onError func(error)) notify.Receiver {
				r, err := redisnotify.New(redisnotify.Config{Client: client, Channel: channel, OnError: onError})
				if err != nil {
					t.Fatal(err)
				}
				return r
			},
			Send: func(message []byte) { s.publish(channel, string(message)) },
			Break: func() (mend func()) {
				s.stop()
				return func() {
					s.start()
					s.allow("app", fmt.Sprint(round)) // Redis has forgotten it
				}
			},
			RotateCredentials: func() {
				round++
				s.allow("app", fmt.Sprint(round))
				l.set("app", fmt.Sprint(round))
			},
			AnyBytes: true,
		}
	})
}
