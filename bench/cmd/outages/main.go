// Command outages plays outages of Secrets Manager in virtual time, for this library and for
// AWS's caching client for Go, and prints what readers see of each: the table of
// docs/outages.md. It exits with 1 if this library broke a promise.
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
	"github.com/typedsecret/typedsecret/bench/internal/outages"
	"github.com/typedsecret/typedsecret/cache"
)

func main() {
	var p outages.Plan
	flag.IntVar(&p.Secrets, "secrets", 20, "secrets that are read once a second")
	flag.DurationVar(&p.Lasts, "lasts", 30*time.Minute, "the time that each outage takes; more than twice the TTL")
	flag.DurationVar(&p.TTL, "ttl", 10*time.Minute, "the TTL of both clients")
	flag.DurationVar(&p.FetchTimeout, "fetch-timeout", cache.DefaultFetchTimeout, "the FetchTimeout of this library")
	plays := flag.Int("plays", 4, "the number of times that each outage is played")
	bubble.Main(func(t *testing.T) int {
		if p.Secrets < 4 || p.TTL < time.Minute || p.Lasts <= 2*p.TTL || p.FetchTimeout <= 0 || *plays < 1 || flag.NArg() > 0 {
			flag.Usage()
			return 2
		}
		start := time.Now()
		rows := play(t, p, *plays)
		if t.Failed() {
			return 1
		}
		fmt.Print(outages.Table(rows, p))
		fmt.Printf("\n%d secrets, TTL %v, outages of %v; in brackets: AWS's caching client for Go. %d plays of each took %v with %s.\n",
			p.Secrets, p.TTL, p.Lasts, *plays, time.Since(start).Round(time.Second), runtime.Version())
		return judge(rows, p)
	})
}

// play plays each outage for both clients, several at the same time.
func play(t *testing.T, p outages.Plan, plays int) []outages.Row {
	var rows []outages.Row
	t.Run("outages", func(t *testing.T) {
		start := func(o outages.Outage, c outages.Client) []outages.Result {
			results := make([]outages.Result, plays)
			for i := range results {
				t.Run(o.Name+", "+c.Name, func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						var err error
						if results[i], err = outages.Play(t, o, c, p); err != nil {
							t.Error(err)
						}
					})
				})
			}
			return results
		}
		for _, o := range outages.All() {
			r := outages.Row{Outage: o, Ours: start(o, outages.Ours)}
			if o.CanPlay(outages.AWS) {
				r.AWS = start(o, outages.AWS)
			}
			rows = append(rows, r)
		}
	})
	return rows
}

// judge prints the promises that this library broke.
func judge(rows []outages.Row, p outages.Plan) (exit int) {
	for _, r := range rows {
		for _, result := range r.Ours {
			for _, broken := range r.Outage.Broken(p, result) {
				fmt.Fprintln(os.Stderr, broken)
				exit = 1
			}
		}
	}
	return exit
}
