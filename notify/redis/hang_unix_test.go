//go:build unix

package redisnotify_test

import (
	"syscall"
	"testing"
	"time"

	redisnotify "github.com/typedsecret/typedsecret/notify/redis"
)

func TestAServerThatHangsIsLeft(t *testing.T) {
	s := startRedis(t)
	r := receive(t, s, newClient(t, s.options()), nil, func(r *redisnotify.Receiver) { r.PingEvery(250 * time.Millisecond) })
	if err := s.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	r.wantsReport("no answer to a ping within 250ms")
	r.wantsReport("no confirmation of the subscription within 250ms") // while it hangs still
	if err := s.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	r.wants(missed)
	for next := ""; next != "a"; { // Redis also answers the connections that were given up
		s.publish(channel, moved("a"))
		next = <-r.took
	}
}
