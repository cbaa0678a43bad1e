// Command secrettest runs a fake AWS Secrets Manager, for use beside a service
// under development and the aws command:
//
//	go run ./secrettest/cmd/secrettest -seed secrets.json
//
// It prints the environment that leads the AWS SDKs and the aws command to it,
// and runs until it is interrupted. Nothing is kept. The file of secrets is a
// JSON object from name to value: a string is stored as it is, an object of the
// one member SecretBinary is binary in base64, any other value is stored as its
// JSON text.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/typedsecret/typedsecret/secrettest"
)

const usage = `Usage: secrettest [-addr HOST:PORT] [-region REGION] [-seed FILE.json]

Runs a fake AWS Secrets Manager until it is interrupted, and prints the
environment variables that lead the AWS SDKs and the aws command to it. It
checks no signature and keeps nothing: use it for development and tests only.

The file of secrets is a JSON object from name to value:

  {
    "prod/api-key": "a string is stored as it is",
    "prod/db":      {"username": "app", "password": "any other JSON is stored as text"},
    "prod/keytab":  {"SecretBinary": "YmluYXJ5IGluIGJhc2U2NA=="}
  }

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

// run serves until the context ends.
func run(ctx context.Context, args []string, out, errs io.Writer) error {
	flags := flag.NewFlagSet("secrettest", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	addr := flags.String("addr", "127.0.0.1:0", "`address` to listen on; port 0 takes a free one")
	region := flags.String("region", "us-east-1", "`region` that the secrets' ARNs name")
	file := flags.String("seed", "", "`file` of secrets to begin with")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return err
	case err != nil:
		return errUsage // flags has printed it
	case flags.NArg() > 0:
		fmt.Fprintf(errs, "secrettest: unexpected argument %q; -h tells what there is\n", flags.Arg(0))
		return errUsage
	}
	var seeds []seed
	if *file != "" {
		data, err := os.ReadFile(*file)
		if err != nil {
			return err
		}
		if seeds, err = readSeeds(data); err != nil {
			return fmt.Errorf("%s: %w", *file, err)
		}
	}
	s, err := secrettest.Start(secrettest.Config{Addr: *addr, Region: *region})
	if err != nil {
		return err
	}
	defer s.Close()
	for _, seed := range seeds {
		if err := seed.create(s); err != nil {
			return fmt.Errorf("%s: %s: the secret here: %w", *file, seed.at, err)
		}
	}
	fmt.Fprintf(out, "# A fake AWS Secrets Manager listens on %s. Secrets: %d. In another shell:\n", s.URL(), len(seeds))
	for _, kv := range s.Env() {
		if k, v, _ := strings.Cut(kv, "="); v != "" {
			fmt.Fprintf(out, "export %s='%s'\n", k, v)
		}
	}
	fmt.Fprintln(out, "unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN"+
		" AWS_CA_BUNDLE AWS_MAX_ATTEMPTS AWS_RETRY_MODE AWS_DEFAULTS_MODE")
	fmt.Fprint(out, "# and then, say:\n#   aws secretsmanager list-secrets\n# Ctrl-C ends it.\n")
	<-ctx.Done()
	return nil
}
