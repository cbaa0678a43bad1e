// Command pushed measures how soon processes have the new value of a rotated secret, over each
// carrier of events, and prints a table. It exits with 1 if a process did not get a value within
// a minute.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/typedsecret/typedsecret/integration/pushed"
)

func main() {
	log.SetFlags(0)
	rotations := flag.Int("n", 0, "the `number` of rotations over each carrier; 0 for 1,000, or fewer over those that are slow")
	only := flag.String("only", "", "measure only the carriers whose name contains this")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	if err := run(ctx, *rotations, *only); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, rotations int, only string) (err error) {
	servers := new(pushed.Servers)
	defer func() { err = errors.Join(err, servers.Close()) }()
	var results []pushed.Result
	var unseen error
	for _, s := range pushed.Scenarios() {
		if !strings.Contains(s.Name, only) {
			continue
		}
		log.Printf("%s …", s.Name)
		n := rotations
		if n == 0 {
			n = s.Rotations
		}
		r, err := pushed.Run(ctx, s, servers, n)
		if err != nil {
			return err
		}
		if r.Unseen > 0 {
			unseen = errors.Join(unseen, fmt.Errorf("%s: %d times a process did not get a value", s.Name, r.Unseen))
		}
		results = append(results, r)
	}
	pushed.Table(os.Stdout, results)
	return unseen
}
