// Command pushed simulates, in virtual time, a fleet of processes that learn of rotations by events.
// It prints a table, and writes it to bench/pushed.md.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/bubble"
	"github.com/typedsecret/typedsecret/bench/internal/fleet"
)

// hop is the longest time that a queue, a relay and a broker take together. On loopback, an event
// leaves a queue of ElasticMQ within 60 ms, and NATS brings it to 200 subscribers within 4 ms.
const hop = 100 * time.Millisecond

const story = "# A fleet of %d processes with pushed rotations\n\n" +
	"How soon does a fleet have a new version if [events](../docs/push.md) announce it, and how many calls does that cost? " +
	"Written by `cd bench && go run ./cmd/pushed`, in virtual time, with the code of the cache itself and its defaults. " +
	"All processes start within a second. Each has %d secrets, one of which all share, and reads them once a minute. " +
	"From the second hour on, the shared secret is rotated %d times, 75 min apart. " +
	"Each time EventBridge's event comes to all processes at once, except %.0f %% of them, which don't get it. " +
	"In the end, forged events, which announce versions that don't exist, come to all processes once a second for a minute. " +
	"An answer takes 20 ms, and the region's quota is %d calls a second. All times are from the rotation on.\n\n"

func main() {
	n := flag.Int("n", 10_000, "processes")
	out := flag.String("out", "pushed.md", "the file for the table; empty for none")
	bubble.Main(func(t *testing.T) int {
		if *n < 1 || flag.NArg() > 0 {
			flag.Usage()
			return 2
		}
		start := time.Now()
		carriers := []fleet.Carrier{{Bus: 500 * time.Millisecond, Hop: hop}, {Bus: 5 * time.Second, Hop: hop}}
		records := make([]*fleet.Pushed, len(carriers))
		t.Run("pushed", func(t *testing.T) {
			for i, c := range carriers {
				t.Run(c.Bus.String(), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(*testing.T) { records[i] = fleet.PlayPushed(c, *n) })
				})
			}
		})
		if t.Failed() {
			return 1
		}
		table, met := fleet.PushedTable(records)
		text := fmt.Sprintf(story, *n, fleet.Secrets, fleet.PushedRotations, fleet.Lost*100, fleet.Quota) + table +
			fmt.Sprintf("\nThe targets are for 10,000 processes. Run with %s. The draws are random: the figures change a little from run to run.\n", runtime.Version())
		fmt.Print(text)
		fmt.Printf("\n%d processes, %d carriers in %v\n", *n, len(records), time.Since(start).Round(time.Second))
		if *out != "" {
			if err := os.WriteFile(*out, []byte(text), 0o644); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
		}
		if !met {
			return 1
		}
		return 0
	})
}
