// Command typedsecret-relay passes the events of rotations on: it takes them from an SQS queue
// and publishes them on a Redis channel, a NATS subject, or both. So a fleet needs one queue,
// and not one for each process.
//
//	go install github.com/typedsecret/typedsecret/cmd/typedsecret-relay@latest
//	typedsecret-relay -queue https://sqs.eu-west-1.amazonaws.com/123456789012/rotations -redis rediss://redis:6379
//
// A target is the Redis or the NATS server. The relay deletes a message from the queue only after
// each target has taken its event. So a relay may be killed at any time: SQS delivers what it has
// not deleted again, to any relay. Run two or three of them. One of them publishes each event, or
// now and then two; a process that holds the announced version ignores the second.
//
// Redis and NATS keep nothing: an event is lost for a process that is not connected when it is
// published. After each reconnect, the receivers of notify/redis and notify/nats look at all that
// is held.
//
// -h lists the flags. Each can be set by an environment variable instead: -redis-channel by
// TYPEDSECRET_RELAY_REDIS_CHANNEL.
//
// Passwords are never flags. They come from TYPEDSECRET_RELAY_REDIS_PASSWORD and
// TYPEDSECRET_RELAY_NATS_PASSWORD, or from the secret that -redis-secret or -nats-secret names,
// which may be rotated while the relay runs. Credentials of AWS come from where all its SDKs
// look; deploy/ has the policy of the queue. The user of Redis needs the channel and the commands
// PUBLISH and PING; the user of NATS may publish on the subject. A URL that begins with rediss://
// or tls:// demands TLS; SSL_CERT_FILE names the certificates of an authority of your own.
//
// GET /healthz answers 200 while the queue and each target have answered within -stale-after, a
// minute by default. Else it answers 503, and says which has not. GET /metrics is for
// Prometheus. Both are at -listen, by default :8080. Logs are JSON, on the standard error output.
//
// SIGTERM ends the relay after the events under way. It exits with 0 then, with 2 after a wrong
// setting, and with 1 if it can't listen.
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
