// Command hang simulates, in virtual time, an outage in which Secrets Manager does not
// answer. It counts the failed reads of this library and of AWS's caching client for Go.
// One reader reads one secret again and again for three hours, with a deadline for each
// read. The outage begins after 30 minutes. The command exits with 1 if a read of this
// library failed.
package main

import (
	"context"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/bubble"
	"github.com/typedsecret/typedsecret/bench/internal/contender"
	"github.com/typedsecret/typedsecret/bench/internal/source"
	"github.com/typedsecret/typedsecret/bench/internal/table"
)

const (
	lasts    = 3 * time.Hour
	begins   = 30 * time.Minute
	ttl      = 10 * time.Minute
	deadline = time.Second
)

func main() {
	bubble.Main(func(t *testing.T) int {
		text, failed, err := play(t)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 2
		}
		fmt.Print(text)
		if failed > 0 {
			fmt.Fprintf(os.Stderr, "%d reads of typedsecret failed\n", failed)
			return 1
		}
		return 0
	})
}

// play simulates the outage for both clients. It returns the table, and the number of this
// library's reads that failed.
func play(t *testing.T) (text string, failed int, err error) {
	tab := table.Table{Head: []string{"a read each", "client", "reads in the outage", "failed", "longest read", "calls in the outage"}}
	for _, pause := range []time.Duration{time.Second, 30 * time.Second, 2 * time.Minute} {
		for _, c := range contender.Named(contender.Ours, "aws-caching-go") {
			var seen outage
			synctest.Test(t, func(t *testing.T) { seen, err = read(t.Context(), c, pause) })
			if err != nil {
				return "", 0, err
			}
			tab.Add(pause.String(), c.Name, fmt.Sprint(seen.reads), fmt.Sprint(seen.failed), seen.longest.String(), fmt.Sprint(seen.calls))
			if c.Name == contender.Ours {
				failed += seen.failed
			}
		}
	}
	return tab.String(), failed, nil
}

// An outage holds the results of one reader.
type outage struct {
	reads, failed, calls int
	longest              time.Duration
}

// read reads a secret after each pause.
func read(ctx context.Context, c contender.Contender, pause time.Duration) (outage, error) {
	var src source.Source
	s, err := c.Open(ctx, contender.Config{Source: &src, IDs: []string{"prod/db"}, TTL: ttl})
	if err != nil {
		return outage{}, err
	}
	defer s.Close()
	h, err := s.Handle(ctx, "prod/db")
	if err != nil {
		return outage{}, err
	}
	start := time.Now()
	for time.Since(start) < begins {
		if err := get(ctx, h); err != nil {
			return outage{}, fmt.Errorf("%s before the outage: %w", c.Name, err)
		}
		time.Sleep(pause)
	}
	src.SetMode(source.Hanging)
	var seen outage
	before := src.Calls()
	for time.Since(start) < lasts {
		asked := time.Now()
		if get(ctx, h) != nil {
			seen.failed++
		}
		seen.reads++
		seen.longest = max(seen.longest, time.Since(asked))
		time.Sleep(pause)
	}
	seen.calls = src.Calls() - before
	return seen, nil
}

func get(ctx context.Context, h contender.Handle) error {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	_, err := h.Get(ctx)
	return err
}
