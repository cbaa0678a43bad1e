// Command typedsecret-relay passes the events of rotations on: it takes them from one SQS
// queue and publishes them on a Redis channel, a NATS subject, or both. So a fleet needs one
// queue, and not one a process.
//
//	go install github.com/typedsecret/typedsecret/cmd/typedsecret-relay@latest
//	typedsecret-relay -queue https://sqs.eu-west-1.amazonaws.com/123456789012/rotations -redis rediss://redis:6379
//
// A message is deleted from the queue only after each target has taken it. So a relay may be
// killed at any time: what it has not deleted is delivered again, by SQS to any relay. Run
// two or three of them; each event is published by one of them, now and then by two. A process
// that holds the announced version does nothing at a repetition.
//
// What no process has subscribed to is lost, as Redis and NATS keep nothing. The receivers of
// notify/redis and notify/nats look at all that is held after they were away.
//
// Each flag can be set by an environment variable instead: -redis-channel by
// TYPEDSECRET_RELAY_REDIS_CHANNEL. Passwords are never flags. They come from
// TYPEDSECRET_RELAY_REDIS_PASSWORD and TYPEDSECRET_RELAY_NATS_PASSWORD, or from Secrets Manager
// by -redis-secret and -nats-secret, which go on while that secret is rotated. The scheme of
// rediss:// or tls:// demands TLS; SSL_CERT_FILE names certificates of your own authority.
// Credentials of AWS come from where all its SDKs look; deploy/ has the policy. The user of
// Redis needs +publish and +ping, and the channel; that of NATS may publish on the subject.
//
// GET /healthz answers 200 while the queue and each target have answered within -stale-after,
// else 503, and says in words which has not. GET /metrics is for Prometheus. Logs are JSON, on
// the standard error output. SIGTERM ends the relay after the events under way. It exits with
// 0 then, with 2 after a wrong flag, and with 1 if it can't listen.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills
	os.Exit(run(ctx, os.Args[1:], os.LookupEnv, os.Stderr))
}

// run runs a relay until ctx ends, and returns the exit status.
func run(ctx context.Context, args []string, lookUp func(string) (string, bool), out io.Writer) int {
	s, err := parse(args, lookUp)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(out, usage())
		return 0
	}
	var r *relay
	if err == nil {
		r, err = newRelay(ctx, s, slog.New(slog.NewJSONHandler(out, nil)))
	}
	if err != nil {
		fmt.Fprintf(out, "typedsecret-relay: %v\n", err)
		return 2
	}
	listener, err := net.Listen("tcp", s.listen)
	if err != nil {
		fmt.Fprintf(out, "typedsecret-relay: -listen: %v\n", err)
		r.close()
		return 1
	}
	r.run(ctx, listener)
	return 0
}
