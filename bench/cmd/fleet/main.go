// Command fleet simulates a fleet of processes that read their secrets, in virtual time,
// by the policies of this library, of AWS's caching client for Go, and of a fixed
// interval. It prints a table, and writes it with plots to docs/fleet.md.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/bubble"
	"github.com/typedsecret/typedsecret/bench/internal/fleet"
)

func main() {
	n := flag.Int("n", 10_000, "processes")
	out := flag.String("out", "../docs", "directory for fleet.md and its plots; empty for none")
	bubble.Main(func(t *testing.T) int {
		if *n < 1 || flag.NArg() > 0 {
			flag.Usage()
			return 2
		}
		start := time.Now()
		records := play(t, *n)
		if t.Failed() {
			return 1
		}
		text := report(records, *n)
		fmt.Print(text)
		fmt.Printf("\n%d processes, %d policies: 32 virtual hours each in %v\n", *n, len(records), time.Since(start).Round(time.Second))
		if *out == "" {
			return 0
		}
		if err := write(*out, text, records); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	})
}

// play plays the story once for each policy.
func play(t *testing.T, n int) []*fleet.Record {
	policies := fleet.Policies()
	records := make([]*fleet.Record, len(policies))
	t.Run("fleet", func(t *testing.T) {
		for i, p := range policies {
			t.Run(p.Name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(*testing.T) { records[i] = fleet.Play(p, n) })
			})
		}
	})
	return records
}

func report(records []*fleet.Record, n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# A fleet of %d processes\n\n", n)
	b.WriteString("Written by `cd bench && go run ./cmd/fleet`, which plays one story for each policy in virtual time, with the policies' own code. " +
		"All processes start within a second, each with three secrets, one of which all share. A day passes. The shared secret is rotated. " +
		"Secrets Manager fails for an hour. Then the region has little of its quota left for half an hour. " +
		"An answer takes 20 ms; the region's quota for GetSecretValue and DescribeSecret together is 10,000 calls a second. " +
		"A process reads its secrets every minute, and every 2 s in the hour after the rotation, in both troubles and until all are over them. All settings are the policies' defaults.\n\n")
	b.WriteString(fleet.Table(records))
	b.WriteString("\nA rotation after which logins with the old password are refused. " + fleet.Refusals(records) +
		"The others notice it as above, by refreshing alone.\n\n## Targets\n\n")
	for _, t := range fleet.Targets(records) {
		met := "met"
		if !t.Met {
			met = "**missed**"
		}
		fmt.Fprintf(&b, "- %s: %s\n", met, t.Text)
	}
	fmt.Fprintf(&b, "\n%s\n", fleet.Reasons(records))
	fmt.Fprintf(&b, "\nRun with %s. The draws are random: the figures change a little from run to run.\n", runtime.Version())
	return b.String()
}

func write(dir, text string, records []*fleet.Record) error {
	if err := os.MkdirAll(filepath.Join(dir, "fleet"), 0o755); err != nil {
		return err
	}
	text += "\n## Calls over time\n"
	for _, p := range fleet.Plots() {
		if err := os.WriteFile(filepath.Join(dir, "fleet", p.File), p.SVG(records), 0o644); err != nil {
			return err
		}
		text += fmt.Sprintf("\n![%s](fleet/%s)\n", p.Title, p.File)
	}
	return os.WriteFile(filepath.Join(dir, "fleet.md"), []byte(text), 0o644)
}
