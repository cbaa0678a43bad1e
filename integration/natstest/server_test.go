package natstest_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typedsecret/typedsecret/integration/natstest"
)

// TestAServerIsStoppedAndStartedAgain: it has the same address, and a client connects anew.
func TestAServerIsStoppedAndStartedAgain(t *testing.T) {
	server := natstest.New(t)
	back := make(chan struct{}, 1)
	conn, err := nats.Connect(server.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond),
		nats.ReconnectHandler(func(*nats.Conn) { back <- struct{}{} }))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	messages := make(chan *nats.Msg, 10)
	if _, err := conn.ChanSubscribe("rotations", messages); err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	server.Stop()
	if err := server.Publish("rotations", []byte("lost")); err == nil {
		t.Error("a stopped server takes a message")
	}
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	within := time.After(time.Minute)
	select {
	case <-back:
	case <-within:
		t.Fatal("the client has not come back")
	}
	if err := conn.Flush(); err != nil { // then the server knows the subscription
		t.Fatal(err)
	}
	if err := server.Publish("rotations", []byte("brought")); err != nil {
		t.Fatal(err)
	}
	select {
	case m := <-messages:
		if string(m.Data) != "brought" {
			t.Errorf("got %q", m.Data)
		}
	case <-within:
		t.Fatal("no message")
	}
}
