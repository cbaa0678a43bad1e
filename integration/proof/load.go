package proof

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// What each contender's service is like.
const (
	Goroutines = 32
	PoolSize   = 16

	// thinkTime lies between two queries of a goroutine, and failTime after one that
	// failed, lest who fails all the time take the machine from the others.
	thinkTime = 20 * time.Millisecond
	failTime  = time.Second

	// patience is how long a goroutine waits for a query.
	patience = 30 * time.Second
)

// A load is what the goroutines of a contender do and see.
type load struct {
	running sync.WaitGroup

	mu      sync.Mutex // guards the rest
	queries int
	failed  int
	retried int
	longest time.Duration
	err     error // the first
}

// A query is what is noted of one while it runs.
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

// ask makes one query and notes what came of it.
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
