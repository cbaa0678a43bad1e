// Command pushed measures how soon processes have the new value of a rotated secret, over each
// carrier of events, and prints a table. Then services query a real PostgreSQL while its password
// is rotated, with and without pushes, and the command prints the cost to each. It exits with 1 if
// a process did not get a value within a minute, or a query failed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/typedsecret/typedsecret/integration/pgtest"
	"github.com/typedsecret/typedsecret/integration/proof"
	"github.com/typedsecret/typedsecret/integration/pushed"
)

func main() {
	log.SetFlags(0)
	rotations := flag.Int("n", 0, "the `number` of rotations over each carrier; 0 for 1,000, or fewer over those that are slow")
	only := flag.String("only", "", "measure only the rows whose name contains this")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	if err := run(ctx, *rotations, *only); err != nil {
		log.Fatal(err)
	}
}

// atPostgres is the number of rotations at PostgreSQL. The budget of a cache allows five fetches in
// a row for the events about one secret.
const atPostgres = 4

func run(ctx context.Context, rotations int, only string) error {
	results, err := overCarriers(ctx, rotations, only)
	if len(results) > 0 {
		pushed.Table(os.Stdout, results)
	}
	if err != nil {
		return err
	}
	played, err := playAtPostgres(ctx, only)
	if len(played) > 0 {
		fmt.Printf("\nAt PostgreSQL, with %d rotations each:\n\n", atPostgres)
		proof.Details(os.Stdout, played)
	}
	return err
}

// overCarriers measures the staleness.
func overCarriers(ctx context.Context, rotations int, only string) (results []pushed.Result, err error) {
	servers := new(pushed.Servers)
	defer func() { err = errors.Join(err, servers.Close()) }()
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
			return results, err
		}
		if r.Unseen > 0 {
			unseen = errors.Join(unseen, fmt.Errorf("%s: %d times a process did not get a value", s.Name, r.Unseen))
		}
		results = append(results, r)
	}
	return results, unseen
}

// playAtPostgres measures the cost of the window of a rotation.
func playAtPostgres(ctx context.Context, only string) (played []proof.Played, err error) {
	scenarios := slices.DeleteFunc(slices.Clone(proof.PushedScenarios), func(s proof.Scenario) bool { return !strings.Contains(s.Name, only) })
	if len(scenarios) == 0 {
		return nil, nil
	}
	db, err := pgtest.Start(pgtest.Config{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var missed error
	for _, s := range scenarios {
		log.Printf("%s …", s.Name)
		results, err := proof.RunPushed(ctx, db, s, atPostgres)
		if err != nil {
			return played, err
		}
		played = append(played, proof.Played{Scenario: s, Results: results})
		for _, r := range results {
			for _, miss := range r.Misses() {
				missed = errors.Join(missed, fmt.Errorf("%s, %s: %s", s.Name, r.Contender, miss))
			}
		}
	}
	return played, missed
}
