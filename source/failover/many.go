package failover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/typedsecret/typedsecret/internal/guard"
	"github.com/typedsecret/typedsecret/internal/health"
	"github.com/typedsecret/typedsecret/secret"
)

var _ secret.ManySource = (*Source)(nil)

// FetchMany answers each Ref as Fetch would. It asks a region for all that those before it had
// no answer about, by the FetchMany of its Source; but for no more if the first fail, or three
// in a row. Each request to a region but the last has half of FetchTimeout.
func (s *Source) FetchMany(ctx context.Context, refs []secret.Ref, answer func(secret.Ref, secret.Value, error)) {
	m := &many{s: s, answer: answer, said: map[secret.Ref]attempts{}}
	for _, ref := range refs {
		err := s.begin(ctx)
		if err == nil {
			err = s.check(ref)
		}
		if err != nil {
			answer(ref, secret.Value{}, err)
		} else {
			m.open = append(m.open, ref)
		}
	}
	if len(m.open) == 0 {
		return
	}
	s.try(ctx, m.open[0], len(m.open) > 1, m.ask)
	for _, ref := range m.open {
		answer(ref, secret.Value{}, m.said[ref].sorted().err())
	}
}

// inARow is how many Refs in a row a region could not answer about when a FetchMany gives it up.
const inARow = 3

// many is one FetchMany.
type many struct {
	s      *Source
	answer func(secret.Ref, secret.Value, error)
	open   []secret.Ref            // those without an answer
	said   map[secret.Ref]attempts // about them
}

var (
	// errPartly says that a region answered some of what it was asked for.
	errPartly = errors.New("some have no answer")
	// errSilent is said about a Ref for which there was no request, or no answer.
	errSilent = fmt.Errorf("%w: it was not asked, or has not answered", secret.ErrUnavailable)
)

// ask asks r for what is open. If some of it stays open, the error is errPartly, or what r
// said.
func (m *many) ask(ctx context.Context, r *region, part int) error {
	var refs []secret.Ref
	asked := map[secret.Ref][]secret.Ref{} // by what r is asked for
	for _, ref := range m.open {
		to := r.rewrite(ref)
		if asked[to] == nil {
			refs = append(refs, to)
		}
		asked[to] = append(asked[to], ref)
	}
	m.open = nil
	var mu sync.Mutex // guards m, asked, from which goes what is answered, and what follows
	said, failures, isUp, began := errSilent, 0, false, time.Now()
	hears := func(to secret.Ref, v secret.Value, err error) {
		mu.Lock()
		defer mu.Unlock()
		for _, ref := range asked[to] {
			if errors.Is(err, secret.ErrNotAsked) {
				m.answer(ref, secret.Value{}, err)
				continue
			}
			v, one := v, attempt{r, sorted(ctx, err, began, false)}
			if err == nil {
				one.err = m.s.accept(ref, &v, r)
			}
			if one.err == nil || one.isFinal() {
				m.answer(ref, v, one.err)
			} else {
				m.open, m.said[ref] = append(m.open, ref), append(m.said[ref], one)
			}
			if failures, said = failures+1, err; kindOf(ctx, one.err) >= health.Refused {
				failures, isUp = 0, true
			}
		}
		delete(asked, to)
	}
	isDown := func() bool { return failures >= inARow || failures > 0 && !isUp }
	mayAsk := func(to secret.Ref) []secret.Ref {
		mu.Lock()
		defer mu.Unlock()
		if isDown() {
			return nil
		}
		return slices.Clone(asked[to])
	}
	failed := guard.Call(r.what(), func() error {
		secret.FetchMany(secret.Via(ctx, part, mayAsk), r.source, refs, func(to secret.Ref, v secret.Value, err error) {
			hears(to, v, guard.Call(r.what(), func() error { return err }))
		})
		return nil
	})
	mu.Lock()
	verdict, left := said, errSilent
	switch {
	case failed != nil:
		verdict, left = failed, failed
	case isDown():
		left = said
	}
	if isUp {
		verdict = errPartly
	}
	mu.Unlock()
	for _, to := range refs {
		hears(to, secret.Value{}, left)
	}
	if len(m.open) == 0 {
		return nil
	}
	return verdict
}
