// Package bench has ordinary benchmarks for benchstat: one line for each workload,
// contender and number of cores. The command cmd/report makes the whole comparison.
package bench

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/typedsecret/typedsecret/bench/internal/contender"
	"github.com/typedsecret/typedsecret/bench/internal/source"
	"github.com/typedsecret/typedsecret/bench/internal/variants"
	"github.com/typedsecret/typedsecret/bench/internal/workload"
)

// BenchmarkWarm measures workloads 1 and 2: a Get by handle.
func BenchmarkWarm(b *testing.B) {
	each(b, "handle", func(b *testing.B, s contender.Store) func(n int) (int, error) {
		h, err := s.Handle(b.Context(), workload.ID(0))
		check(b, err)
		return func(n int) (int, error) { return h.Loop(b.Context(), n) }
	})
}

// BenchmarkByID measures workload 3: a Get by one of 1,000 IDs.
func BenchmarkByID(b *testing.B) {
	ids := workload.IDs(1000)
	z := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.1, 1, uint64(len(ids)-1))
	drawn := make([]string, 1<<16)
	for i := range drawn {
		drawn[i] = ids[z.Uint64()]
	}
	each(b, "id", func(b *testing.B, s contender.Store) func(n int) (int, error) {
		_, err := s.Loop(b.Context(), ids)
		check(b, err)
		return func(n int) (sum int, err error) {
			for n > 0 && err == nil {
				var part int
				k := min(n, len(drawn))
				part, err = s.Loop(b.Context(), drawn[:k])
				sum, n = sum+part, n-k
			}
			return sum, err
		}
	})
}

// BenchmarkMiss measures the cold miss of workload 14. The source answers at once, the
// cache holds 1,000 secrets, and each miss evicts one.
func BenchmarkMiss(b *testing.B) {
	for _, c := range contender.All() {
		b.Run("workload=miss/contender="+c.Name+"/cores=1", func(b *testing.B) {
			s := open(b, c, 1000)
			_, err := s.Get(b.Context(), workload.ID(0))
			check(b, err)
			b.ReportAllocs()
			next := 1
			for b.Loop() {
				if _, err := s.Get(b.Context(), workload.ID(next)); err != nil {
					b.Fatal(err)
				}
				next++
			}
		})
	}
}

// BenchmarkPromise measures the cost of each promise on the warm path.
func BenchmarkPromise(b *testing.B) {
	for _, v := range variants.All() {
		b.Run("variant="+v.Name, func(b *testing.B) {
			if sum := v.Loop(b.Context(), b.N); sum != b.N*source.Sum {
				b.Fatal("wrong values")
			}
		})
	}
}

func each(b *testing.B, name string, prepare func(*testing.B, contender.Store) func(n int) (int, error)) {
	for _, c := range contender.All() {
		for _, cores := range []int{1, runtime.NumCPU()} {
			b.Run(fmt.Sprintf("workload=%s/contender=%s/cores=%d", name, c.Name, cores), func(b *testing.B) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
				loop := prepare(b, open(b, c, 1024))
				b.ReportAllocs()
				b.ResetTimer()
				var done sync.WaitGroup
				for i := range cores {
					n := (b.N + i) / cores
					done.Go(func() {
						if sum, err := loop(n); err != nil || sum != n*source.Sum {
							b.Errorf("wrong values, error %v", err)
						}
					})
				}
				done.Wait()
			})
		}
	}
}

func open(b *testing.B, c contender.Contender, size int) contender.Store {
	s, err := c.Open(b.Context(), contender.Config{Source: new(source.Source), IDs: workload.IDs(1), MaxSize: size})
	check(b, err)
	b.Cleanup(s.Close)
	return s
}

func check(b *testing.B, err error) {
	b.Helper()
	if reason, cannot := contender.Reason(err); cannot {
		b.Skip(reason)
	}
	if err != nil {
		b.Fatal(err)
	}
}
