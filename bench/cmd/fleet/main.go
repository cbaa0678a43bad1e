// Command fleet simulates, in virtual time, a fleet of processes that read their secrets.
// It compares the policies of this library, of AWS's caching client for Go, and of a fixed
// interval. It prints a table, and writes it with plots to bench/fleet.md.
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
	flag.IntVar(&fleet.Secrets, "secrets", fleet.Secrets, "secrets of a process")
	quota := flag.Int("quota", fleet.Quota, "the calls a second that the region accepts")
	out := flag.String("out", ".", "directory for fleet.md and its plots; empty for none")
	bubble.Main(func(t *testing.T) int {
		if *n < 1 || *quota < 1 || fleet.Secrets < 1 || flag.NArg() > 0 {
			flag.Usage()
			return 2
		}
		start := time.Now()
		records := play(t, *n, *quota)
		if t.Failed() {
			return 1
		}
		text := report(records)
		fmt.Print(text)
		fmt.Printf("\n%d processes, %d policies: 35 virtual hours each in %v\n", *n, len(records), time.Since(start).Round(time.Second))
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

// play plays the story for all policies at the same time.
func play(t *testing.T, n, quota int) []*fleet.Record {
	policies := fleet.Policies()
	records := make([]*fleet.Record, len(policies))
	t.Run("fleet", func(t *testing.T) {
		for i, p := range policies {
			t.Run(p.Name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(*testing.T) { records[i] = fleet.Play(p, n, quota) })
			})
		}
	})
	return records
}

// story is the text before the table, and measures the text after it.
const (
	story = "Written by `cd bench && go run ./cmd/fleet`, which plays the same story for each policy in virtual time, with the policies' own code " +
		"(AWS's is github.com/aws/aws-secretsmanager-caching-go/v2 itself). " +
		"All processes start within a second, each with %d secrets, one of which all share. A day passes. The shared secret is rotated four times, 75 min apart. " +
		"Secrets Manager fails for an hour. Three hours later the region has little of its quota left for half an hour. " +
		"In the end the shared secret is rotated once more, and logins with the old one are refused.\n\n" +
		"An answer takes 20 ms, the region's quota for GetSecretValue and DescribeSecret together is %d calls a second. " +
		"A process reads its secrets once a minute, every 10 s after rotations, and every 2 s after the start, in both troubles, and until all processes have recovered from these. " +
		"All settings are the policies' defaults. Only calls of the policy count: the SDK's own retries, which typedsecret turns off and AWS's client does not, are left out.\n\n"

	measures = "A secret is failing if its last fetch failed: a Get then has an error, alone or beside the last good value. " +
		"Recovery looks at the secrets that were failing at the end of the trouble. " +
		"A rotation that a process had not seen when the next one came counts as never seen, and in the mean as 75 min. " +
		"Each process logs in every 10 s: with typedsecret by `Secret.Do`, and with AWS's client by `RefreshNow` after a refusal. The figures include the time of up to 10 s until the next login, and nothing else reads the secret meanwhile. " +
		"A policy that fetches at a read has its calls spread over the minute between reads: the fixed interval's peaks would be higher in processes that read more often. " +
		"Figures that differ by 2 % or less are called alike. The figures of 10,000 processes change by about as much from run to run; those of fewer processes change more.\n"
)

func report(records []*fleet.Record) string {
	var b strings.Builder
	r := records[0]
	fmt.Fprintf(&b, "# A fleet of %d processes\n\n", r.Processes)
	fmt.Fprintf(&b, story, fleet.Secrets, r.Quota)
	b.WriteString(fleet.Table(records))
	b.WriteString("\n" + measures + "\n## Verdict\n\n" + fleet.Summary(records))
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
