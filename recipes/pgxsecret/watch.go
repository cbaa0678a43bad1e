package pgxsecret

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/typedsecret/typedsecret/sqlsecret"
)

// watch proves new versions, so that older connections are retired, until ctx ends.
func (c *credentials[T]) watch(ctx context.Context, pool *pgxpool.Pool) {
	conns := func() int { return int(pool.Stat().TotalConns()) }
	sqlsecret.Prove(ctx, c.secret, &c.logins, conns, func(ctx context.Context, value T) error {
		config := pool.Config().ConnConfig
		if c.before != nil {
			if err := c.before(ctx, config); err != nil {
				return err
			}
		}
		return c.knock(ctx, config, value)
	})
}

// A watcher runs one goroutine from the first start until close.
type watcher struct {
	run    func(context.Context)
	ctx    context.Context // ends with close
	cancel context.CancelFunc

	mu      sync.Mutex // guards running's start, which close must not overtake
	started bool
	running sync.WaitGroup
}

func newWatcher(run func(context.Context)) *watcher {
	w := &watcher{run: run}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	return w
}

func (w *watcher) start() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.started || w.ctx.Err() != nil {
		return
	}
	w.started = true
	w.running.Go(func() { w.run(w.ctx) })
}

func (w *watcher) close() {
	w.mu.Lock()
	w.cancel()
	w.mu.Unlock()
	w.running.Wait()
}
