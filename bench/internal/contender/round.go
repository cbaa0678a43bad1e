package contender

import (
	"context"
	"math/rand/v2"

	"github.com/typedsecret/typedsecret/bench/internal/source"
)

// A Round reads several secrets once each.
type Round interface {
	// Shuffle puts the secrets in another random order.
	Shuffle()
	// Loop reads them in that order, in a loop that is compiled for the contender. It
	// returns the sum of the results of source.Use.
	Loop(ctx context.Context) (int, error)
}

// RoundByID returns a Round over the secrets of these IDs.
func RoundByID(s Store, ids []string) Round {
	return &round[string]{append([]string(nil), ids...), s.Loop}
}

// RoundByHandle returns a Round over handles of one Store.
func RoundByHandle(handles []Handle) (Round, error) {
	switch handles[0].(type) {
	case typedHandle:
		return roundOf(handles, func(ctx context.Context, handles []typedHandle) (sum int, err error) {
			for _, h := range handles {
				v, err := h.secret.Get(ctx)
				if err != nil {
					return 0, err
				}
				sum += source.Use(&v)
			}
			return sum, nil
		}), nil
	case *updaterHandle:
		return roundOf(handles, func(_ context.Context, handles []*updaterHandle) (sum int, err error) {
			for _, h := range handles {
				v := h.updater.Get()
				sum += source.Use(&v)
			}
			return sum, nil
		}), nil
	case *pointerHandle:
		return roundOf(handles, func(ctx context.Context, handles []*pointerHandle) (sum int, err error) {
			for _, h := range handles {
				v, err := h.Get(ctx)
				if err != nil {
					return 0, err
				}
				sum += source.Use(&v)
			}
			return sum, nil
		}), nil
	}
	return nil, Cannot("its handle is an ID, or bytes that are decoded for each Get")
}

func roundOf[H Handle](handles []Handle, loop func(ctx context.Context, handles []H) (int, error)) Round {
	own := make([]H, len(handles))
	for i, h := range handles {
		own[i] = h.(H)
	}
	return &round[H]{own, loop}
}

type round[S any] struct {
	secrets []S
	loop    func(ctx context.Context, secrets []S) (int, error)
}

func (r *round[S]) Shuffle() {
	rand.Shuffle(len(r.secrets), func(i, j int) { r.secrets[i], r.secrets[j] = r.secrets[j], r.secrets[i] })
}

func (r *round[S]) Loop(ctx context.Context) (int, error) { return r.loop(ctx, r.secrets) }
