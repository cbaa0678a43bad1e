package source

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/typedsecret/typedsecret/internal/guard"
	"github.com/typedsecret/typedsecret/secret"
)

// WithPrefix returns a Source that reads each name from s with the prefix before it: with the
// prefix staging/, the program's prod/db is the staging/prod/db of s. So one program reads the
// secrets of each of its environments by the same names. An ARN stays as it is, since it names
// one secret of one account.
//
// The Name of a Value is the one that the program asked for. An error begins with the name that
// s was asked for, and the cache adds the program's. If s is a [secret.ManySource], so is the
// result. If s is nil, the result is nil.
func WithPrefix(s secret.Source, prefix string) secret.Source {
	if guard.IsNil(s) {
		return nil
	}
	return wrap(s, prefix, TTL(s))
}

// TTL returns the ttl of the setting by which s was opened, and 0 if there is none. A program
// that makes a cache of its own passes it on:
//
//	s, err := source.FromEnvironment(ctx)
//	…
//	c, err := cache.New(s, cache.Config{TTL: source.TTL(s)})
func TTL(s secret.Source) time.Duration {
	if s, ok := s.(interface{ cacheTTL() time.Duration }); ok {
		return s.cacheTTL()
	}
	return 0
}

// wrap gives s a prefix and a TTL.
func wrap(s secret.Source, prefix string, ttl time.Duration) secret.Source {
	w := &wrapped{source: s, prefix: prefix, ttl: ttl}
	if many, ok := s.(secret.ManySource); ok {
		return &wrappedMany{w, many}
	}
	return w
}

// A wrapped Source is another with a prefix for names and a TTL for caches.
type wrapped struct {
	source secret.Source
	prefix string
	ttl    time.Duration
}

type wrappedMany struct {
	*wrapped
	many secret.ManySource
}

var _ secret.ManySource = (*wrappedMany)(nil)

func (w *wrapped) cacheTTL() time.Duration { return w.ttl }

// prefixed returns the Ref by which the Source below has what the program calls ref. The
// prefix must not make an ARN of a name, nor an ID that is too long.
func (w *wrapped) prefixed(ref secret.Ref) (secret.Ref, error) {
	if w.prefix == "" || strings.HasPrefix(ref.ID, "arn:") {
		return ref, nil
	}
	ref.ID = w.prefix + ref.ID
	if strings.HasPrefix(ref.ID, "arn:") {
		return ref, fmt.Errorf("%w: with the prefix %.200q the name becomes an ARN", secret.ErrInvalidRef, w.prefix)
	}
	if err := ref.Validate(); err != nil {
		return ref, fmt.Errorf("with the prefix %.200q: %w", w.prefix, err)
	}
	return ref, nil
}

// Backend names the backend of the Source below, if that tells its backends apart.
func (w *wrapped) Backend(ref secret.Ref) string {
	backends, ok := w.source.(secret.Backends)
	to, err := w.prefixed(ref)
	if !ok || err != nil {
		return ""
	}
	return backends.Backend(to)
}

// Declared tells the Source below of a handle on ref.
func (w *wrapped) Declared(ref secret.Ref) {
	if s, ok := w.source.(secret.Declarer); ok {
		if to, err := w.prefixed(ref); err == nil {
			s.Declared(to)
		}
	}
}

// answer is what the program gets for the answer of the Source below, which was asked for to.
func (w *wrapped) answer(ref, to secret.Ref, v secret.Value, err error) (secret.Value, error) {
	if ref == to {
		return v, err
	}
	if err != nil {
		return secret.Value{}, fmt.Errorf("as %.200s: %w", to, err)
	}
	v.Name = strings.TrimPrefix(v.Name, w.prefix)
	return v, nil
}

// Fetch fetches ref under its name with the prefix.
func (w *wrapped) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	to, err := w.prefixed(ref)
	if err != nil {
		return secret.Value{}, err
	}
	v, err := w.source.Fetch(ctx, to)
	return w.answer(ref, to, v, err)
}

// FetchMany fetches refs under their names with the prefix.
func (w *wrappedMany) FetchMany(ctx context.Context, refs []secret.Ref, answer func(secret.Ref, secret.Value, error)) {
	asked := make(map[secret.Ref]secret.Ref, len(refs)) // what the program asked for, by what is fetched
	var all []secret.Ref
	for _, ref := range refs {
		to, err := w.prefixed(ref)
		if err != nil {
			answer(ref, secret.Value{}, err)
			continue
		}
		asked[to] = ref
		all = append(all, to)
	}
	if len(all) == 0 {
		return
	}
	original := func(to secret.Ref) []secret.Ref { return []secret.Ref{asked[to]} }
	w.many.FetchMany(secret.Via(ctx, 1, original), all, func(to secret.Ref, v secret.Value, err error) {
		ref, ok := asked[to]
		if !ok {
			return // nobody asked for it
		}
		v, err = w.answer(ref, to, v, err)
		answer(ref, v, err)
	})
}

// Format shows the Source below, and the prefix as in a setting.
func (w *wrapped) Format(f fmt.State, _ rune) {
	fmt.Fprint(f, w.source)
	if w.prefix != "" {
		fmt.Fprint(f, "?prefix="+w.prefix)
	}
}
