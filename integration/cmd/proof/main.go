// Command proof lets five services query a real PostgreSQL while its password is rotated,
// and prints the cost to each of them. It exits with 1 if a service that uses this library
// misses a requirement. No query may fail. API calls that bring a new version: one a
// rotation, or two with AWSPENDING. Other API calls: one a second while logins are refused,
// which is MinRefreshInterval. Connections opened in a rotation: at most twice the pool's
// size.
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
	"time"

	"github.com/typedsecret/typedsecret/integration/pgtest"
	"github.com/typedsecret/typedsecret/integration/proof"
)

func main() {
	log.SetFlags(0)
	rotations := flag.Int("rotations", 50, "the number of rotations in each scenario")
	only := flag.String("only", "", "play only the scenarios whose name contains this")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	if err := run(ctx, *rotations, *only); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, rotations int, only string) error {
	db, err := pgtest.Start(pgtest.Config{})
	if err != nil {
		return err
	}
	defer db.Close()
	began := time.Now()
	var played []proof.Played
	var missed []error
	for _, s := range proof.Scenarios {
		if !strings.Contains(s.Name, only) {
			continue
		}
		log.Printf("%s …", s.Name)
		results, err := proof.Run(ctx, db, s, rotations)
		if err != nil {
			return err
		}
		played = append(played, proof.Played{Scenario: s, Results: results})
		for _, r := range results {
			for _, miss := range r.Misses() {
				missed = append(missed, fmt.Errorf("%s, %s: %s", s.Name, r.Contender, miss))
			}
		}
	}
	if len(played) == 0 {
		return fmt.Errorf("no scenario is called %q", only)
	}
	fmt.Printf("%d rotations each, of the credential of %d goroutines with a pool of %d connections; in %v.\n\n",
		rotations, proof.Goroutines, proof.PoolSize, time.Since(began).Round(time.Second))
	proof.Summary(os.Stdout, played)
	fmt.Println()
	proof.Details(os.Stdout, played)
	return errors.Join(missed...)
}
