// Command chaos tests the library with random sequences of faults, and compares its results
// with a model of what the library may return. If a promise is broken, it exits with 1 and
// prints how to replay the sequence.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/bubble"
	"github.com/typedsecret/typedsecret/bench/internal/chaos"
)

var (
	seed  = flag.Uint64("seed", 1, "the seed of all random draws")
	n     = flag.Int("n", 2000, "sequences")
	from  = flag.Int("from", 0, "the number of the first sequence")
	v     = flag.Bool("v", false, "print the trace of each sequence")
	child = flag.Bool("child", false, "print the report as JSON, for a parent")
)

func main() { bubble.Main(run) }

func run(t *testing.T) int {
	if *n < 1 || *from < 0 || flag.NArg() > 0 {
		flag.Usage()
		return 2
	}
	start := time.Now()
	var rep *chaos.Report
	switch {
	case *v:
		runtime.GOMAXPROCS(1)
		for i := *from; i < *from+*n; i++ {
			fmt.Printf("sequence %d\n  %s\n", i, strings.Join(chaos.Play(t, *seed, i, chaos.NoMutation).Trace(), "\n  "))
		}
		fallthrough
	case *child:
		// Goroutines run one at a time, so that their order does not depend on chance.
		runtime.GOMAXPROCS(1)
		rep = chaos.Run(t, *seed, *from, *n, chaos.NoMutation)
	default:
		var err error
		if rep, err = inChildren(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	if *child {
		if err := json.NewEncoder(os.Stdout).Encode(rep); err != nil {
			return 1
		}
		return 0
	}
	fmt.Print(rep)
	took := time.Since(start)
	fmt.Printf("\n%d sequences of seed %d in %v, %.0f a second\n", rep.Sequences, *seed, took.Round(time.Second), float64(rep.Sequences)/took.Seconds())
	if rep.Failed >= 0 {
		fmt.Print("\n", rep.Failure(*seed))
		return 1
	}
	fmt.Println("No promise was broken.")
	return 0
}

// inChildren runs the sequences in child processes, one for each core.
func inChildren() (*chaos.Report, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	const most = 5000 // sequences in a process; its end frees the memory that a test keeps for its subtests
	type part struct{ from, n int }
	parts := make(chan part, *n/most+runtime.NumCPU()+1)
	size := min(most, (*n+runtime.NumCPU()-1)/runtime.NumCPU())
	for at := 0; at < *n; at += size {
		parts <- part{*from + at, min(size, *n-at)}
	}
	close(parts)
	var (
		mu      sync.Mutex // guards rep and failed
		rep     = chaos.NewReport()
		failed  error
		workers sync.WaitGroup
	)
	for range runtime.NumCPU() {
		workers.Go(func() {
			for p := range parts {
				cmd := exec.Command(self, "-child", "-seed", fmt.Sprint(*seed), "-from", fmt.Sprint(p.from), "-n", fmt.Sprint(p.n))
				cmd.Stderr = os.Stderr
				out, err := cmd.Output()
				part := chaos.NewReport()
				if err == nil {
					err = json.Unmarshal(out, part)
				}
				mu.Lock()
				if err != nil {
					failed = fmt.Errorf("sequences %d to %d of seed %d: %w\n%s", p.from, p.from+p.n-1, *seed, err, out)
				} else {
					rep.Join(part)
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	return rep, failed
}
