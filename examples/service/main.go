// Command service is a small HTTP service that issues signed tokens and checks them. It
// reads its secrets by typedsecret. It shows injected handles, readiness, the page of
// package statuspage, logs, and an orderly shutdown. service.go is the service, main.go
// runs it, and service_test.go shows how such a service is tested, in parallel and without
// AWS. To run it on a developer's machine:
//
//	echo '{"dev/signing": "a long secret", "dev/mail": {"host": "localhost", "password": "hunter2"}}' > dev.json
//	TYPEDSECRET_SOURCE=static:dev.json go run ./examples/service -prefix dev/
//	curl -d user=ada localhost:8080/tokens
//	curl localhost:8080/debug/secrets
package main

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/source"
	"github.com/typedsecret/typedsecret/statuspage"
)

func main() {
	addr := flag.String("addr", "localhost:8080", "where to listen")
	prefix := flag.String("prefix", "prod/", "the prefix of the secrets' names")
	flag.Parse()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, log, *addr, *prefix); err != nil {
		log.Error("the service ends", "err", err)
		os.Exit(1)
	}
}

// run runs the service until ctx is done.
func run(ctx context.Context, log *slog.Logger, addr, prefix string) error {
	from, err := source.FromEnvironment(ctx)
	if err != nil {
		return err
	}
	var history statuspage.History
	c, err := cache.New(from, cache.Config{TTL: source.TTL(from), Observer: hook.Join(hook.Log(log), &history)})
	if err != nil {
		return err
	}
	defer c.Close() // after the last request has ended
	s, err := newService(c, prefix, &history)
	if err != nil {
		return err
	}
	if err := s.preload(ctx); err != nil {
		return err // joins all mistakes
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	log.Info("the service is ready", "addr", listener.Addr())
	return serve(ctx, listener, s)
}

// grace bounds the time in which requests under way must end.
const grace = 10 * time.Second

// serve answers requests until ctx is done. Then the service is no longer ready, and serve
// waits for the requests under way.
func serve(ctx context.Context, listener net.Listener, s *service) error {
	server := &http.Server{Handler: s, ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	s.ending.Store(true)
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := server.Shutdown(late)
	if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
