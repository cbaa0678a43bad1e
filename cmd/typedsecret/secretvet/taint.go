package secretvet

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// A kind is the way in which a value came to be followed.
type kind uint8

const (
	ofCall   kind = iota // a call gave it: Get, Do, GetSecretValue
	ofField              // it lies in a field that a secret was stored in
	ofType               // its type is that of a secret
	ofParam              // the function's caller gave it: no secret in itself
	ofWriter             // no data, but a writer whose text others see
)

// An origin is what a followed value comes from. Origins are interned: equal ones have
// the same pointer.
type origin struct {
	Kind  kind
	What  string // for a message: "db.Get", "the field DBCreds.Password"
	Where string // file and line
	Param int    // of ofParam: which one; the receiver is the first
	Path  path   // of ofParam: where in it
}

func (o *origin) secret() bool { return o.Kind <= ofType }

// A pair says that the data of an origin lies at a path of a value.
type pair struct {
	path path
	from *origin
}

// A taint is what is known of a value: the pairs that may hold.
type taint map[pair]bool

// add reports whether p is new.
func (t taint) add(p pair) bool {
	if t[p] {
		return false
	}
	t[p] = true
	return true
}

// merge reports whether something in s was new.
func (t taint) merge(s taint) bool {
	changed := false
	for p := range s {
		changed = t.add(p) || changed
	}
	return changed
}

// at returns what a reader of the path q of a value with the taint t sees.
func (k *checker) at(t taint, q path) taint {
	if q == "" {
		return t
	}
	var seen taint
	for p := range t {
		if s, ok := k.seenAt(p, q); ok {
			if seen == nil {
				seen = taint{}
			}
			seen[s] = true
		}
	}
	return seen
}

// seenAt returns what a reader of the path q sees of p, and whether it sees anything.
func (k *checker) seenAt(p pair, q path) (pair, bool) {
	rest, beyond, ok := within(p.path, q)
	switch {
	case !ok || p.from.Kind != ofParam && strings.Contains(beyond, keysPath):
		return pair{}, false
	case beyond == "" || p.from.Kind != ofParam:
		return pair{rest, p.from}, true
	}
	deeper := *p.from
	deeper.Path = join(deeper.Path, beyond)
	return pair{rest, k.intern(deeper)}, true
}

// flat returns t as of a value without parts: a string that was made of a struct.
func (t taint) flat() taint {
	f := taint{}
	for p := range t {
		f[pair{"", p.from}] = true
	}
	return f
}

// under returns t as part of a larger value.
func (t taint) under(q path) taint {
	if q == "" {
		return t
	}
	u := taint{}
	for p := range t {
		u[pair{join(q, p.path), p.from}] = true
	}
	return u
}

// writer returns the origin of a writer whose text others see, or nil.
func (t taint) writer() *origin {
	var w *origin
	for p := range t {
		if p.from.Kind == ofWriter && (w == nil || p.from.What < w.What) {
			w = p.from
		}
	}
	return w
}

// sorted returns the pairs in an order that does not change from run to run.
func (t taint) sorted() []pair {
	return slices.SortedFunc(maps.Keys(t), func(a, b pair) int {
		return cmp.Or(
			cmp.Compare(a.from.Kind, b.from.Kind),
			cmp.Compare(a.from.What, b.from.What),
			cmp.Compare(a.from.Where, b.from.Where),
			cmp.Compare(a.from.Param, b.from.Param),
			cmp.Compare(a.from.Path, b.from.Path),
			cmp.Compare(a.path, b.path),
		)
	})
}
