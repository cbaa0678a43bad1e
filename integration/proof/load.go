package proof

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// These settings are those of each contender's service.
const (
	Goroutines = 32
	PoolSize   = 16

	// thinkTime is the pause between two queries of a goroutine, and failTime the pause
	// after a failed one. Without failTime, a contender that fails all the time would take
	// the machine's time from the others.
	thinkTime = 20 * time.Millisecond
	failTime  = time.Second

	// patience bounds the time of a query.
	patience = 30 * time.Second
)

// A load has the goroutines of a contender and their counts.
type load struct {
	running sync.WaitGroup

	mu      sync.Mutex // guards the fields below
	queries int
	failed  int
	retried int
	longest time.Duration
	err     error // the first error
}

// A query records what happens while it runs.
type query struct{ refused atomic.Bool }

type queryKey struct{}

// begin starts the goroutines, which query until ctx is done.
func (c *contender) begin(ctx context.Context) {
	for range Goroutines {
		c.load.running.Go(func() {
			for ctx.Err() == nil {
				if c.ask() != nil {
					rest(ctx, failTime)
				}
				rest(ctx, thinkTime)
			}
		})
	}
}

// ask makes one query and counts its result.
func (c *contender) ask() error {
	q := new(query)
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), queryKey{}, q), patience)
	defer cancel()
	began := time.Now()
	err := c.query(ctx)
	took := time.Since(began)
	l := &c.load
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queries++
	l.longest = max(l.longest, took)
	switch {
	case err != nil:
		l.failed++
		if l.err == nil {
			l.err = err
		}
	case q.refused.Load():
		l.retried++
	}
	return err
}

func rest(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
