// Command wronglogins counts the wrong logins that a real PostgreSQL sees in one window of
// a rotation, for pools with different options, and prints a table.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/typedsecret/typedsecret/integration/pgtest"
	"github.com/typedsecret/typedsecret/integration/wronglogins"
)

func main() {
	log.SetFlags(0)
	only := flag.String("only", "", "measure only the settings whose pool or options contain this")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	if err := run(ctx, *only); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, only string) error {
	db, err := pgtest.Start(pgtest.Config{})
	if err != nil {
		return err
	}
	defer db.Close()
	var results []wronglogins.Result
	for _, s := range wronglogins.Settings() {
		if !strings.Contains(s.Pool+" "+s.Options, only) {
			continue
		}
		r, err := wronglogins.Measure(ctx, db, s)
		if err != nil {
			return err
		}
		results = append(results, r)
	}
	wronglogins.Table(os.Stdout, results)
	return ctx.Err()
}
