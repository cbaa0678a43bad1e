// Command secrettest runs a fake AWS Secrets Manager, for use beside a service
// under development and the aws command:
//
//	go run ./secrettest/cmd/secrettest -seed secrets.json
//
// It prints environment variables with which the AWS SDKs and the aws command use it, and
// runs until it is interrupted. Its secrets are lost then. The file of secrets is a JSON
// object from name to value. A string is stored as it is. An object with the single member
// SecretBinary is binary data in base64. Any other value is stored as its JSON text.
//
// RotateSecret calls the rotation function that -rotate names, for each of the four steps.
// A URL gets the event of a Lambda function, in the form of the Lambda Runtime Interface
// Emulator. So AWS's own rotation functions can run in their container. A command gets the
// event on its standard input, and in the variables ROTATION_STEP, ROTATION_SECRET_ID and
// ROTATION_TOKEN. Its environment also has the variables with which an SDK uses the server:
//
//	secrettest -rotate http://localhost:9000/2015-03-31/functions/function/invocations
//	secrettest -rotate 'python3 rotate.py'
//
// With -events and -events-queue the server sends the event "Secret Label Updated"
// to a URL and to an SQS queue, whenever a staging label moves to a version.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/typedsecret/typedsecret/secrettest"
)

const usage = `Usage: secrettest [flags]

Runs a fake AWS Secrets Manager until it is interrupted, and prints the
environment variables that lead the AWS SDKs and the aws command to it. It
checks no signature and keeps nothing: use it for development and tests only.

The file of secrets is a JSON object from name to value:

  {
    "prod/api-key": "a string is stored as it is",
    "prod/db":      {"username": "app", "password": "any other JSON is stored as text"},
    "prod/keytab":  {"SecretBinary": "YmluYXJ5IGluIGJhc2U2NA=="}
  }

RotateSecret calls the function that -rotate names, for each of the four steps. A
URL is sent {"Step":…,"SecretId":…,"ClientRequestToken":…}. A command has that on
its standard input, and ROTATION_STEP, ROTATION_SECRET_ID and ROTATION_TOKEN in its
environment; its words are split at blanks. Without -rotate there is no function,
and RotateSecret is refused; '-rotate true' leaves the steps to you.

Flags:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		stop()
		os.Exit(2)
	case err != nil:
		// The library's errors begin with the name already.
		fmt.Fprintln(os.Stderr, "secrettest:", strings.TrimPrefix(err.Error(), "secrettest: "))
		stop()
		os.Exit(1)
	}
}

// errUsage is a mistake in the arguments that has been printed.
var errUsage = errors.New("wrong usage")

// options are the command's settings.
type options struct {
	server                     secrettest.Config
	seeds                      string // the name of a file
	policy                     string // the name of a file
	rotate, events, eventQueue string
}

// parse reads the arguments.
func parse(args []string, errs io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("secrettest", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	flags.StringVar(&o.server.Addr, "addr", "127.0.0.1:0", "`address` to listen on; port 0 takes a free one")
	flags.StringVar(&o.server.Region, "region", "us-east-1", "`region` that the secrets' ARNs name")
	flags.StringVar(&o.server.Account, "account", "123456789012", "`account` that the secrets' ARNs name")
	flags.DurationVar(&o.server.PurgeDelay, "purge-delay", 0, "how `long` a secret that was deleted without recovery can still be described, such as 5s")
	flags.StringVar(&o.rotate, "rotate", "", "the rotation function: a `URL or command`")
	flags.StringVar(&o.events, "events", "", "the `URL` to which an event is posted for each label that moves")
	flags.StringVar(&o.eventQueue, "events-queue", "", "the `URL` of an SQS queue to which these events are sent")
	flags.StringVar(&o.policy, "policy", "", "`file` of an IAM identity policy to enforce")
	flags.StringVar(&o.seeds, "seed", "", "`file` of secrets to begin with")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return o, err
	case err != nil:
		return o, errUsage // flags has printed it
	case flags.NArg() > 0:
		fmt.Fprintf(errs, "secrettest: unexpected argument %q; -h lists the flags\n", flags.Arg(0))
		return o, errUsage
	case o.server.PurgeDelay < 0:
		fmt.Fprintf(errs, "secrettest: -purge-delay %v is negative\n", o.server.PurgeDelay)
		return o, errUsage
	}
	return o, nil
}

// run serves until the context ends.
func run(ctx context.Context, args []string, out, errs io.Writer) error {
	o, err := parse(args, errs)
	if err != nil {
		return err
	}
	var seeds []seed
	if o.seeds != "" {
		data, err := os.ReadFile(o.seeds)
		if err != nil {
			return err
		}
		if seeds, err = readSeeds(data); err != nil {
			return fmt.Errorf("%s: %w", o.seeds, err)
		}
	}
	s, err := secrettest.Start(o.server)
	if err != nil {
		return err
	}
	defer s.Close()
	for _, seed := range seeds {
		if err := seed.create(s); err != nil {
			return fmt.Errorf("%s: %s: the secret here: %w", o.seeds, seed.at, err)
		}
	}
	if o.policy != "" {
		text, err := os.ReadFile(o.policy)
		if err != nil {
			return err
		}
		if err := s.SetIdentityPolicy(string(text)); err != nil {
			return fmt.Errorf("%s: %w", o.policy, err)
		}
	}
	if err := o.connect(s, &lockedWriter{w: errs}); err != nil {
		return err
	}
	printEnvironment(out, s, len(seeds))
	<-ctx.Done()
	return nil
}

func printEnvironment(out io.Writer, s *secrettest.Server, secrets int) {
	fmt.Fprintf(out, "# A fake AWS Secrets Manager listens on %s. Secrets: %d. In another shell:\n", s.URL(), secrets)
	for _, kv := range s.Env() {
		if k, v, _ := strings.Cut(kv, "="); v != "" {
			fmt.Fprintf(out, "export %s='%s'\n", k, v)
		}
	}
	fmt.Fprintln(out, "unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN"+
		" AWS_CA_BUNDLE AWS_MAX_ATTEMPTS AWS_RETRY_MODE AWS_DEFAULTS_MODE")
	fmt.Fprint(out, "# and then, say:\n#   aws secretsmanager list-secrets\n# Ctrl-C ends it.\n")
}

// connect sets the rotation function and the receivers of events. Their later errors are
// written to errs.
func (o *options) connect(s *secrettest.Server, errs io.Writer) error {
	problems := log.New(errs, "secrettest: ", 0)
	to, err := receivers(o.events, o.eventQueue, o.server.Region)
	if err != nil {
		return err
	}
	if len(to) > 0 {
		s.OnEvent(func(ctx context.Context, event secrettest.Event) error { return sendAll(ctx, to, event, problems) })
	}
	if o.rotate == "" {
		return nil
	}
	env := append(s.Env(), "SECRETS_MANAGER_ENDPOINT="+s.URL()) // AWS's rotation functions read SECRETS_MANAGER_ENDPOINT
	fn, err := newRotator(o.rotate, env, errs)
	if err != nil {
		return err
	}
	s.OnRotate(func(ctx context.Context, step secrettest.RotationStep) error {
		err := fn(ctx, step)
		if err != nil {
			problems.Printf("rotation of %s: %s: %v", step.SecretID, step.Step, err)
		}
		return err
	})
	return nil
}

// lockedWriter serves the commands and the log at the same time.
type lockedWriter struct {
	mu sync.Mutex // guards w
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
