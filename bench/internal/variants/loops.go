package variants

import (
	"context"

	"github.com/typedsecret/typedsecret/bench/internal/source"
)

// The loops are written out, since a call of a function value would cost as much as a
// promise.

func (h *handle) getLoop(ctx context.Context, n int) int {
	sum := 0
	for range n {
		v, err := h.get(ctx)
		if err != nil {
			return 0
		}
		sum += source.Use(&v)
	}
	return sum
}

func (h *handle) callLoop(_ context.Context, n int) int {
	sum := 0
	for range n {
		v, err := h.call()
		if err != nil {
			return 0
		}
		sum += source.Use(&v)
	}
	return sum
}

func (h *handle) freshLoop(_ context.Context, n int) int {
	sum := 0
	for range n {
		v, err := h.fresh()
		if err != nil {
			return 0
		}
		sum += source.Use(&v)
	}
	return sum
}

func (h *handle) freshNearLoop(_ context.Context, n int) int {
	sum := 0
	for range n {
		v, err := h.freshNear()
		if err != nil {
			return 0
		}
		sum += source.Use(&v)
	}
	return sum
}

func (h *handle) markLoop(_ context.Context, n int) int {
	sum := 0
	for range n {
		v, err := h.mark()
		if err != nil {
			return 0
		}
		sum += source.Use(&v)
	}
	return sum
}

func (h *handle) markNearLoop(_ context.Context, n int) int {
	sum := 0
	for range n {
		v, err := h.markNear()
		if err != nil {
			return 0
		}
		sum += source.Use(&v)
	}
	return sum
}

func (h *handle) markAlwaysLoop(_ context.Context, n int) int {
	sum := 0
	for range n {
		v, err := h.markAlways()
		if err != nil {
			return 0
		}
		sum += source.Use(&v)
	}
	return sum
}

func (h *handle) sinceLoop(_ context.Context, n int) int {
	sum := 0
	for range n {
		v, err := h.since()
		if err != nil {
			return 0
		}
		sum += source.Use(&v)
	}
	return sum
}

func (h *handle) clocksLoop(_ context.Context, n int) int {
	sum := 0
	for range n {
		v, err := h.clocks()
		if err != nil {
			return 0
		}
		sum += source.Use(&v)
	}
	return sum
}

func (h *handle) cancelLoop(ctx context.Context, n int) int {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	sum := 0
	for range n {
		v, err := h.cancel(ctx)
		if err != nil {
			return 0
		}
		sum += source.Use(&v)
	}
	return sum
}

func (h *handle) infoLoop(_ context.Context, n int) int {
	sum := 0
	for range n {
		v, i, err := h.withInfo()
		if err != nil || i.Stale {
			return 0
		}
		sum += source.Use(&v)
	}
	return sum
}
