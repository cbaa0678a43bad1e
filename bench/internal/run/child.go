package run

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/typedsecret/typedsecret/bench/internal/contender"
	"github.com/typedsecret/typedsecret/bench/internal/workload"
)

// These are the first arguments of a child process.
const (
	childCase   = "bench-child-case"
	childServer = "bench-child-server"
)

// An order says which case a child runs. It is the argument after childCase.
type order struct {
	Env            workload.Env
	Workload       int
	Row, Contender string
	Profile        string
}

// An answer is the result that a child prints after resultMark.
type answer struct {
	Metrics workload.Metrics
	Cannot  string
	Error   string
}

const resultMark = "\nRESULT "

// Child does the work of a child process, if this process is one, and then does not return.
// Call it first in main.
func Child() {
	if len(os.Args) != 3 {
		return
	}
	switch os.Args[1] {
	case childServer:
		var s workload.Server
		err := json.Unmarshal([]byte(os.Args[2]), &s)
		if err == nil {
			err = workload.Serve(s, os.Stdin, os.Stdout)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	case childCase:
		var o order
		if err := json.Unmarshal([]byte(os.Args[2]), &o); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		o.obey()
	}
}

func serverArgs(s workload.Server) []string {
	text, _ := json.Marshal(s) // can't fail, since s has only numbers
	return []string{childServer, string(text)}
}

// runChild runs a case in a process of its own.
func runChild(ctx context.Context, env workload.Env, w workload.Workload, c workload.Case, profile string) (workload.Metrics, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(order{env, w.Number, c.Row, c.Contender, profile})
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, childCase, string(text))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	runErr := cmd.Run()
	_, result, ok := strings.Cut(out.String(), resultMark)
	if !ok {
		return nil, fmt.Errorf("the child gave no result: %w; it wrote %q", errors.Join(runErr, ctx.Err()), tail(out.String()))
	}
	var a answer
	if err := json.NewDecoder(strings.NewReader(result)).Decode(&a); err != nil {
		return nil, err
	}
	switch {
	case a.Cannot != "":
		return nil, contender.Cannot(a.Cannot)
	case a.Error != "":
		return nil, errors.New(a.Error)
	}
	return a.Metrics, nil
}

func tail(s string) string {
	if len(s) > 2000 {
		return "…" + s[len(s)-2000:]
	}
	return s
}

// obey runs the case of the order, prints the answer and ends the process.
func (o order) obey() {
	c, err := o.find()
	if err != nil {
		printAnswer(nil, err)
		os.Exit(0)
	}
	measure := func() {
		m, err := profiled(o.Profile, c.Heap != "", func(heap string) (workload.Metrics, error) {
			o.Env.HeapProfile = heap
			return c.Measure(context.Background(), &o.Env)
		})
		printAnswer(m, err)
	}
	if !c.Virtual {
		measure()
		os.Exit(0)
	}
	// A bubble needs a *testing.T. testing.Main makes one outside of tests too.
	os.Args = os.Args[:1]
	testing.Main(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{{
		Name: "Case", F: func(t *testing.T) {
			synctest.Test(t, func(*testing.T) {
				measure()
				// The process exits here, since goroutines that a contender leaves running
				// would be a deadlock of the bubble.
				os.Exit(0)
			})
		},
	}}, nil, nil)
}

func (o order) find() (workload.Case, error) {
	for _, w := range workload.All() {
		if w.Number != o.Workload {
			continue
		}
		for _, c := range w.Cases(&o.Env) {
			if c.Row == o.Row && c.Contender == o.Contender {
				return c, nil
			}
		}
	}
	return workload.Case{}, fmt.Errorf("no case %d, %s, %s", o.Workload, o.Row, o.Contender)
}

func printAnswer(m workload.Metrics, err error) {
	a := answer{Metrics: m}
	if reason, cannot := contender.Reason(err); cannot {
		a.Cannot = reason
	} else if err != nil {
		a.Error = err.Error()
	}
	text, err := json.Marshal(a)
	if err != nil { // JSON has no NaN
		text = []byte(`{"Error":"a metric is not a number"}`)
	}
	fmt.Printf("%s%s\n", resultMark, text)
}
