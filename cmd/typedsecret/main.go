// Command typedsecret says which secrets a Go program reads, and whether it may read them. It
// learns that from the code, by the IDs and the types of the program's handles:
//
//	typedsecret list ./...                  # each handle, its T and the keys that it needs
//	typedsecret check ./...                 # reads each secret, and decodes it as its T
//	typedsecret doctor ./...                # what keeps the program from them
//	typedsecret policy ./...                # the least IAM policy
//	typedsecret schema ./...                # the JSON Schema of each secret
//	typedsecret gen prod/db                 # the Go struct for a secret that exists
//
// docs/command.md is the manual.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/handles"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// These are the exit codes.
const (
	statusFound = 1 // something is wrong with the program or its secrets
	statusUsage = 2 // the command could not find that out
)

// errFound means that findings were written.
var errFound = errors.New("something is wrong")

// A usageError is a mistake in the arguments.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// A command is one subcommand.
type command struct {
	name, args, summary string
	flags               func(*flag.FlagSet, *options)
	run                 func(*task) error
}

// options are the flags of all subcommands.
type options struct {
	tags, format, stage, id    string
	partition, region, account string
	key, queue                 string
	timeout                    time.Duration
	anySecret, skeleton        bool
}

// A task is one run of a subcommand.
type task struct {
	context.Context
	options
	args      []string
	out, errs io.Writer
	terminal  bool // whether errs is a terminal, so that progress is shown
}

// commands are the subcommands, in the order in which help shows them.
var commands = []command{
	{"list", "[packages]", "Show each handle: its ID, T, keys and options.", listFlags, list},
	{"check", "[packages]", "Read each secret, and decode it as its T.", checkFlags, checkAll},
	{"doctor", "[packages]", "Say what keeps the program from its secrets.", doctorFlags, examine},
	{"policy", "[packages]", "Write the least IAM policy.", policyFlags, writePolicy},
	{"schema", "[packages]", "Write the JSON Schema of each secret, or a skeleton.", schemaFlags, writeSchemas},
	{"gen", "ID", "Write the Go struct for a secret's keys.", genFlags, generate},
	{"completion", "bash|zsh|fish", "Write a script that completes the command.", func(*flag.FlagSet, *options) {}, nil},
}

func init() { commands[len(commands)-1].run = writeCompletion } // it lists the commands

const usage = `Usage: typedsecret COMMAND [flags] [arguments]

typedsecret says which secrets a Go program reads, and whether it may and can.
Packages are those of the go command; the default is ./...

`

func help(w io.Writer) {
	fmt.Fprint(w, usage)
	for _, c := range commands {
		fmt.Fprintf(w, "  %-25s%s\n", c.name+" "+c.args, c.summary)
	}
	fmt.Fprint(w, `
typedsecret COMMAND -h shows the flags of a command.
The source of secrets is that of the program: see TYPEDSECRET_SOURCE.
Exit status: 0 if all is well, 1 if something is wrong with the program or its
secrets, 2 if that could not be found out.
`)
}

// run carries out the arguments, and returns the exit code.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	if len(args) == 0 {
		help(errs)
		return statusUsage
	}
	if slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
		help(out)
		return 0
	}
	at := slices.IndexFunc(commands, func(c command) bool { return c.name == args[0] })
	if at < 0 {
		fmt.Fprintf(errs, "typedsecret: there is no command %q; typedsecret help lists them\n", args[0])
		return statusUsage
	}
	c := commands[at]
	t := &task{Context: ctx, out: out, errs: errs, terminal: isTerminal(errs)}
	err := c.parse(t, args[1:])
	if err == nil {
		err = c.run(t)
	}
	t.clear()
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errFound):
		return statusFound
	}
	text := err.Error()
	if _, isUsage := errors.AsType[usageError](err); isUsage {
		text += "; see typedsecret " + c.name + " -h"
	}
	fmt.Fprintln(errs, "typedsecret:", strings.ReplaceAll(text, "\n", "; "))
	return statusUsage
}

// parse reads the flags of a subcommand.
func (c command) parse(t *task, args []string) error {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	c.flags(flags, &t.options)
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(t.out, "Usage: typedsecret %s [flags] %s\n\n%s\n\n", c.name, c.args, c.summary)
		flags.SetOutput(t.out)
		flags.PrintDefaults()
		return err
	case err != nil:
		return usageError{err.Error()}
	}
	t.args = flags.Args()
	if at := slices.IndexFunc(t.args, func(arg string) bool { return strings.HasPrefix(arg, "-") }); at >= 0 && c.args == "[packages]" {
		return usageError{"flags stand before packages, and " + t.args[at] + " stands behind one"}
	}
	return nil
}

// find finds the handles of the packages that the arguments name.
func (t *task) find() (*handles.Program, error) {
	patterns := t.args
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}
	t.progress("loading " + strings.Join(patterns, " "))
	p, err := handles.Find(t, handles.Config{Tags: t.tags}, patterns...)
	t.clear()
	if err == nil && len(p.Handles) == 0 {
		err = fmt.Errorf("no handle was found in %s", strings.Join(patterns, " "))
	}
	return p, err
}

// progress shows what is being done, on a terminal.
func (t *task) progress(text string) {
	if t.terminal {
		fmt.Fprintf(t.errs, "\r\x1b[K%.70s…", text)
	}
}

// clear removes what progress has shown.
func (t *task) clear() {
	if t.terminal {
		fmt.Fprint(t.errs, "\r\x1b[K")
	}
}

// note writes a line for a person, beside the result.
func (t *task) note(format string, args ...any) {
	t.clear()
	fmt.Fprintf(t.errs, "typedsecret: "+format+"\n", args...)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// environment fills holes as the program would if it ran here.
func environment() func(handles.Hole) (string, bool) { return handles.FromEnvironment(os.LookupEnv) }

func tagsFlag(flags *flag.FlagSet, o *options) {
	flags.StringVar(&o.tags, "tags", "", "build `tags`, with commas between them")
}

// formatFlag adds the flag -format, whose first format is the default.
func formatFlag(flags *flag.FlagSet, o *options, formats []string) {
	o.format = formats[0]
	flags.Func("format", "`format`: "+strings.Join(formats, ", "), func(text string) error {
		if !slices.Contains(formats, text) {
			return fmt.Errorf("the formats are %s", strings.Join(formats, ", "))
		}
		o.format = text
		return nil
	})
}
