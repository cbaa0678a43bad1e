package workload

import (
	"context"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"

	"github.com/typedsecret/typedsecret/bench/internal/contender"
	"github.com/typedsecret/typedsecret/bench/internal/source"
)

const held = 10_000

func memory() Workload {
	w := Workload{
		Number: 8, Name: "memory", Main: "overhead", Counted: true,
		Units: map[string]string{"overhead": "B a secret beyond its payload", "heap": "B a secret", "missing": "secrets"},
		What: "Heap that is retained for each of 10,000 secrets, fetched by the real SDK client over HTTP from another process, " +
			"after the collector ran; measured in a process of its own, from when the client had fetched 640 of them without a cache, by as many connections. " +
			"The longer payload is longer by its password. Missing is how many have to be fetched again when all are read once more.",
	}
	row := func(size int, by string) string { return fmt.Sprintf("payload=%d,by=%s", size, by) }
	for _, size := range []int{source.PayloadSize, 4096} {
		w.Targets = append(w.Targets,
			Target{
				Text: fmt.Sprintf("≤ 400 B + payload for the bytes, %d B", size), AtMost: 400,
				Of: Key{Row: row(size, "id"), Contender: "typedsecret/cache", Metric: "overhead"},
			},
			Target{
				Text: fmt.Sprintf("≤ 500 B + payload typed, %d B, by ID", size), AtMost: 500,
				Of: Key{Row: row(size, "id"), Metric: "overhead"},
			},
			Target{
				Text: fmt.Sprintf("≤ 500 B + payload typed, %d B, a handle each", size), AtMost: 500,
				Of: Key{Row: row(size, "handle"), Metric: "overhead"},
			},
			Target{
				Text: fmt.Sprintf("all MaxSize entries are held, %d B", size), AtMost: 0,
				Of: Key{Row: row(size, "id"), Metric: "missing"},
			})
	}
	w.Cases = func(env *Env) (cases []Case) {
		n := env.scale(held, 100)
		for _, size := range []int{source.PayloadSize, 4096} {
			server := &Server{Secrets: n, Size: size}
			for _, c := range contender.Named(contender.Names("floor-pointer")...) {
				for _, by := range []string{"id", "handle"} {
					if by == "handle" && !strings.HasPrefix(c.Name, "setec.Updater") && c.Name != contender.Ours {
						continue // this contender's handle is an ID
					}
					cases = append(cases, Case{
						Row: row(size, by), Contender: c.Name, Isolated: true, Heap: "inuse_space", Server: server,
						Measure: func(ctx context.Context, env *Env) (Metrics, error) {
							return measureMemory(ctx, env, c, size, n, by == "handle")
						},
					})
				}
			}
		}
		return cases
	}
	return w
}

func measureMemory(ctx context.Context, env *Env, c contender.Contender, size, n int, handles bool) (Metrics, error) {
	ids := IDs(n)
	client, requests := sdkClient(env.URL)
	if err := inParallel(min(n, 640), func(i int) error {
		_, err := source.SDK{Client: client}.Fetch(ctx, ids[i])
		return err
	}); err != nil {
		return nil, err
	}
	kept := make([]contender.Handle, n)
	before := retained()
	s, err := c.Open(ctx, contender.Config{SDK: client, Source: new(source.Source), MaxSize: n})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	readAll := func() error {
		return inParallel(n, func(i int) error {
			if !handles {
				_, err := s.Get(ctx, ids[i])
				return err
			}
			if kept[i] == nil {
				var err error
				if kept[i], err = s.Handle(ctx, ids[i]); err != nil {
					return err
				}
			}
			_, err := kept[i].Get(ctx)
			return err
		})
	}
	if err := readAll(); err != nil {
		return nil, err
	}
	heap := (float64(retained()) - float64(before)) / float64(n)
	if err := env.heapProfile(); err != nil {
		return nil, err
	}
	sent := requests.Load()
	if err := readAll(); err != nil {
		return nil, err
	}
	missing := requests.Load() - sent
	runtime.KeepAlive(ids)
	runtime.KeepAlive(kept)
	return Metrics{
		"heap": heap, "missing": float64(missing),
		"overhead": heap - math.Max(float64(size), source.PayloadSize),
	}, nil
}

// retained returns the size of the live heap.
func retained() uint64 {
	var m runtime.MemStats
	for range 3 { // finalizers and pools need several collections
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// inParallel calls do for 0 to n-1, 16 at a time, and returns one of the errors.
func inParallel(n int, do func(i int) error) error {
	const workers = 16
	errs := make(chan error, workers)
	var done sync.WaitGroup
	for w := range workers {
		done.Go(func() {
			for i := w; i < n; i += workers {
				if err := do(i); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		})
	}
	done.Wait()
	for range workers {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

func (e *Env) heapProfile() error {
	if e.HeapProfile == "" {
		return nil
	}
	f, err := os.Create(e.HeapProfile)
	if err != nil {
		return err
	}
	defer f.Close()
	return pprof.Lookup("heap").WriteTo(f, 0)
}
