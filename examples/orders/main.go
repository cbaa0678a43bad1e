// Command orders is a service as it runs in production: it takes orders over HTTP, charges them at
// another service by an API key, and keeps them in PostgreSQL. All its credentials come from
// Secrets Manager and are rotated while it runs. It has logs, Prometheus's metrics, readiness, the
// page of package statuspage, and an orderly end. docs/operations.md walks through it.
//
// With -demo it needs nothing but PostgreSQL on this machine. It then starts that, a fake Secrets
// Manager and a fake payment service, and rotates the database's password every 15 seconds:
//
//	go run . -demo
//	curl -H 'X-Tenant: acme' -H 'X-Key: acme key' -d 'item=tea' localhost:8080/orders
//	curl localhost:8080/readyz; curl localhost:8080/metrics; curl localhost:8080/debug/secrets
//
// main.go runs the service, service.go is the service, and telemetry.go has its logs, metrics and
// page. service_test.go tests it, in parallel and against a real PostgreSQL.
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
	"github.com/typedsecret/typedsecret/source"
)

// A config says where everything is. It holds no credentials.
type config struct {
	addr, prefix, database, payments string
	lifetime                         time.Duration // of a connection to the database
}

func main() {
	var cfg config
	flag.StringVar(&cfg.addr, "addr", "localhost:8080", "where to listen")
	flag.StringVar(&cfg.prefix, "prefix", "prod/", "the prefix of the secrets' names")
	flag.StringVar(&cfg.database, "database", "postgres://localhost/orders", "the database, without a login")
	flag.StringVar(&cfg.payments, "payments", "https://payments.example.com", "the origin of the payment service")
	flag.DurationVar(&cfg.lifetime, "lifetime", 5*time.Minute, "how long a connection to the database lives")
	isDemo := flag.Bool("demo", false, "start PostgreSQL and fakes of all else on this machine")
	flag.Parse()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := start(ctx, log, cfg, *isDemo); err != nil {
		log.Error("the service failed", "err", err)
		os.Exit(1)
	}
}

func start(ctx context.Context, log *slog.Logger, cfg config, isDemo bool) error {
	if isDemo {
		end, err := demo(ctx, log, &cfg)
		if err != nil {
			return err
		}
		defer end()
	}
	from, err := source.FromEnvironment(ctx)
	if err != nil {
		return err
	}
	seen := newTelemetry(log, cfg.prefix)
	c, err := cache.New(from, cache.Config{TTL: source.TTL(from), Observer: seen.observer()})
	if err != nil {
		return err
	}
	defer c.Close() // last: what ends before it may still read secrets
	s, err := newService(c, seen, cfg)
	if err != nil {
		return err
	}
	defer s.db.Close()
	if err := s.preload(ctx); err != nil {
		return err // joins all mistakes
	}
	listener, err := net.Listen("tcp", cfg.addr)
	if err != nil {
		return err
	}
	log.Info("the service is ready", "addr", listener.Addr())
	defer log.Info("the service ends")
	return serve(ctx, listener, s)
}

// grace bounds the time in which requests under way must end.
const grace = 10 * time.Second

// serve answers requests until ctx is done. Then the service is no longer ready, and serve waits
// for the requests under way.
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
