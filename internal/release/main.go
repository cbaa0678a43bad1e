// Command release prepares a release of this repository's modules, or checks that one could
// be made:
//
//	go run ./internal/release check
//	go run ./internal/release prepare v0.1.0
//
// The file modules.txt lists the modules that are released. RELEASING.md says how
// the command is used. The source files say how it works: build.go makes the
// release in a clone, pack.go packs its modules as a module proxy, outsider.go uses
// them from outside the tree, and publish.go brings commits and tags into the
// repository.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const usage = `Usage: release [-keep] check
       release [-keep] prepare VERSION

check makes a release of the last commit in a temporary clone and uses it as a stranger
would. It leaves the repository as it is.
prepare does the same for VERSION, v0.1.0 say, and then puts the commits and tags into
the repository. It pushes nothing.

Flags:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, ".", os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// errUsage is returned for a mistake in the arguments, which has been printed.
var errUsage = errors.New("wrong usage")

// run carries out the arguments on the repository that holds dir.
func run(ctx context.Context, dir string, args []string, out, errs io.Writer) error {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.Usage = func() {
		fmt.Fprint(errs, usage)
		flags.PrintDefaults()
	}
	keep := flags.Bool("keep", false, "keep the temporary directory, and print where it is")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return err
	} else if err != nil {
		return errUsage // flags has printed it
	}
	name := flags.Arg(0)
	if !(name == "check" && flags.NArg() == 1 || name == "prepare" && flags.NArg() == 2) {
		flags.Usage()
		return errUsage
	}

	work, err := os.MkdirTemp("", "release")
	if err != nil {
		return err
	}
	if *keep {
		fmt.Fprintln(out, "working in", work)
	} else {
		defer os.RemoveAll(work)
	}
	r := &release{work: work, out: out, start: time.Now(), compare: gorelease}
	if name == "check" {
		return r.check(ctx, dir)
	}
	return r.prepare(ctx, dir, flags.Arg(1))
}
