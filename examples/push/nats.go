package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// subject is where the events are published.
const subject = "rotations"

// A natsServer is a nats-server in this process. Its methods are for one goroutine, publish and
// url excepted.
type natsServer struct {
	port    int
	running *server.Server
}

func startNATS() (*natsServer, error) {
	n := &natsServer{port: server.RANDOM_PORT}
	if err := n.start(); err != nil {
		return nil, err
	}
	n.port = n.running.Addr().(*net.TCPAddr).Port
	return n, nil
}

// start starts the server, on the port that it had before if it had one.
func (n *natsServer) start() error {
	running, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: n.port, NoLog: true, NoSigs: true})
	if err != nil {
		return err
	}
	running.Start()
	if !running.ReadyForConnections(10 * time.Second) {
		return errors.New("the NATS server is not ready after 10 s")
	}
	n.running = running
	return nil
}

func (n *natsServer) stop() {
	n.running.Shutdown()
	n.running.WaitForShutdown()
}

func (n *natsServer) url() string { return fmt.Sprintf("nats://127.0.0.1:%d", n.port) }

// publish connects, publishes a message, and returns when the server has it.
func (n *natsServer) publish(message []byte) error {
	conn, err := nats.Connect(n.url())
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.Publish(subject, message); err != nil {
		return err
	}
	return conn.Flush()
}

// awaitSubscriber waits until the service is subscribed.
func (n *natsServer) awaitSubscriber(ctx context.Context) error {
	for ; ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
		known, err := n.running.Subsz(&server.SubszOptions{Subscriptions: true, Test: subject})
		if err != nil || known.Total > 0 {
			return err
		}
	}
	return ctx.Err()
}
