// Command proof lets five services query a real PostgreSQL while its password is rotated,
// and prints the cost to each of them. Then it does the same for six services at other
// servers: lib/pq, a PgBouncer, a MariaDB, a Redis with a Sentinel, and a Redis Cluster. It
// exits with 1 if a service that uses this library
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
	"slices"
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
	p := &player{only: only}
	began := time.Now()
	if err := p.play(proof.Scenarios, func() (server, error) { return startPostgreSQL(ctx, rotations) }); err != nil {
		return err
	}
	first := p.played
	p.played = nil
	if err := p.play(proof.OtherScenarios, func() (server, error) { return startOthers(ctx, rotations) }); err != nil {
		return err
	}
	if len(first)+len(p.played) == 0 {
		return fmt.Errorf("no scenario is called %q", only)
	}
	fmt.Printf("%d rotations each, of the credential of %d goroutines with a pool of %d connections; in %v.\n",
		rotations, proof.Goroutines, proof.PoolSize, time.Since(began).Round(time.Second))
	for _, played := range [][]proof.Played{first, p.played} {
		if len(played) > 0 {
			fmt.Println()
			proof.Summary(os.Stdout, played)
			fmt.Println()
			proof.Details(os.Stdout, played)
		}
	}
	return errors.Join(p.missed...)
}

// A server is what scenarios are played at.
type server struct {
	play  func(proof.Scenario) ([]proof.Result, error)
	close func() error
}

func startPostgreSQL(ctx context.Context, rotations int) (server, error) {
	db, err := pgtest.Start(pgtest.Config{})
	if err != nil {
		return server{}, err
	}
	return server{func(s proof.Scenario) ([]proof.Result, error) { return proof.Run(ctx, db, s, rotations) }, db.Close}, nil
}

func startOthers(ctx context.Context, rotations int) (server, error) {
	others, err := proof.StartOthers()
	if err != nil {
		return server{}, err
	}
	return server{func(s proof.Scenario) ([]proof.Result, error) { return proof.RunOthers(ctx, others, s, rotations) }, others.Close}, nil
}

// A player plays those scenarios whose name contains a text.
type player struct {
	only   string
	played []proof.Played
	missed []error
}

// play starts a server, unless it is not needed.
func (p *player) play(scenarios []proof.Scenario, start func() (server, error)) error {
	scenarios = slices.DeleteFunc(slices.Clone(scenarios), func(s proof.Scenario) bool { return !strings.Contains(s.Name, p.only) })
	if len(scenarios) == 0 {
		return nil
	}
	at, err := start()
	if err != nil {
		return err
	}
	defer at.close()
	for _, s := range scenarios {
		log.Printf("%s …", s.Name)
		results, err := at.play(s)
		if err != nil {
			return err
		}
		p.played = append(p.played, proof.Played{Scenario: s, Results: results})
		for _, r := range results {
			for _, miss := range r.Misses() {
				p.missed = append(p.missed, fmt.Errorf("%s, %s: %s", s.Name, r.Contender, miss))
			}
		}
	}
	return nil
}
