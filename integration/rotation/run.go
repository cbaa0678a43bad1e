package rotation

import (
	"context"
	"sync"
	"time"
)

// run is one rotation, or one attempt at it, from its first step to its last.
type run struct {
	token   string
	started chan struct{} // closed when the first step begins
	done    chan struct{} // closed when no step follows
	err     error         // written once before done is closed
	end     func(error)   // closes done; later calls do nothing

	// The fields below are set when the first step begins, and only read after that.
	ctx     context.Context
	cancel  context.CancelCauseFunc
	release func() // releases the context
}

func newRun(token string) *run {
	r := &run{token: token, started: make(chan struct{}), done: make(chan struct{})}
	var once sync.Once
	r.end = func(err error) {
		once.Do(func() {
			r.err = err
			close(r.done)
		})
	}
	return r
}

// begin ties the run to the context of its steps. The run ends with that context, also
// between two steps.
func (r *run) begin(ctx context.Context) {
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	stop := context.AfterFunc(ctx, func() { r.end(context.Cause(ctx)) })
	r.release = func() {
		stop()
		r.cancel(nil)
	}
	close(r.started)
}

func (r *run) wait(ctx context.Context) error {
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *run) over() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// pause waits, unless the run is cancelled.
func (r *run) pause(d time.Duration) error {
	if d <= 0 {
		return context.Cause(r.ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-r.ctx.Done():
		return context.Cause(r.ctx)
	}
}

// turn is a lock that a goroutine may hold during calls to the service. Waiting for it ends
// with the context.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t turn) release() { <-t }
