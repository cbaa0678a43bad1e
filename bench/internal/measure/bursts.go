package measure

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// A Burst is work on one core that begins together with other bursts.
type Burst struct {
	Prepare, Do func() error
}

// A Span has the times of bursts that began together. Took is the time from the first begin
// to the last end. Apart is the time between the first begin and the last begin.
type Span struct{ Took, Apart time.Duration }

// Together reports whether the bursts ran at the same time. They don't if the system has
// only one core free: then one burst ends before the next begins.
func (s Span) Together() bool { return s.Apart <= s.Took/10 }

// Bursts runs each of the bursts n times, on a core each. The bursts begin together, at
// intervals of every. Before that, each calls Prepare and then spins until all are ready,
// so that no wake-up is timed. On Linux each burst has a processor to itself, if the
// process has enough of them. GOMAXPROCS is the number of bursts meanwhile.
func Bursts(every time.Duration, n int, bursts ...Burst) ([]Span, error) {
	cores := len(bursts)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
	type times struct{ began, ended time.Duration }
	measured := make([][]times, cores)
	errs := make([]error, cores)
	var ready atomic.Int64 // counts the bursts that were prepared
	var failed atomic.Bool
	var done sync.WaitGroup
	start := time.Now()
	for core, b := range bursts {
		measured[core] = make([]times, n)
		done.Go(func() {
			pin(core)
			for i := range n {
				time.Sleep(time.Duration(i+1)*every - time.Since(start))
				err := b.Prepare()
				ready.Add(1)
				for ready.Load() < int64((i+1)*cores) && !failed.Load() {
				}
				began := time.Since(start)
				if err == nil {
					err = b.Do()
				}
				measured[core][i] = times{began, time.Since(start)}
				if err != nil {
					errs[core] = err
					failed.Store(true)
				}
				if failed.Load() {
					return
				}
			}
		})
	}
	done.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	spans := make([]Span, n)
	for i := range spans {
		first, last, end := measured[0][i].began, measured[0][i].began, measured[0][i].ended
		for _, m := range measured[1:] {
			first, last, end = min(first, m[i].began), max(last, m[i].began), max(end, m[i].ended)
		}
		spans[i] = Span{Took: end - first, Apart: last - first}
	}
	return spans, nil
}
