package engine

import (
	"errors"
	"fmt"
	"math/bits"
	"time"
)

// said is what the source said of a secret since it gave it: the last refusal of each sort. The
// Cache remembers it until the source gives the secret again, in memory beside the failures
// since, and in the file of WithSealedFile.
type said struct {
	Gone    *refusal `json:"gone,omitempty"`
	Refused *refusal `json:"refused,omitempty"` // later than Gone, which a denial does not take back
}

// A refusal is an answer of the source for a secret that it did not give: that the secret is
// gone, or that this caller may not have it.
type refusal struct {
	Kinds  kinds     `json:"kinds"`
	At     time.Time `json:"at"`
	Writer uint64    `json:"writer,omitempty"` // the Cache that asked; 0 if it has no file
	Number uint64    `json:"number,omitempty"` // how many values it had published
}

// and returns what s and other say together.
func (s said) and(other said, now time.Time) said {
	s.Gone, s.Refused = later(s.Gone, other.Gone, now), later(s.Refused, other.Refused, now)
	if s.Gone != nil && s.Refused != nil && s.Gone.moment().after(s.Refused.moment(), now) {
		s.Refused = nil
	}
	return s
}

// since returns s without what was said before the secret was fetched at m.
func (s said) since(m moment, now time.Time) said {
	if s.Gone != nil && m.after(s.Gone.moment(), now) {
		s.Gone = nil
	}
	if s.Refused != nil && m.after(s.Refused.moment(), now) {
		s.Refused = nil
	}
	return s
}

// last returns the last refusal, or nil.
func (s said) last() *refusal {
	if s.Refused != nil {
		return s.Refused
	}
	return s.Gone
}

// later returns the later of two refusals, either of which may be nil; b if both are equal.
func later(a, b *refusal, now time.Time) *refusal {
	if b == nil || a != nil && a.moment().after(b.moment(), now) {
		return a
	}
	return b
}

// kinds are a bit for each of refusalKinds.
type kinds uint8

// refusalKinds are what a refusal may wrap. The file has their places in this list.
var refusalKinds = [...]error{ErrNotFound, ErrDeleted, ErrAccessDenied, ErrDecryption, ErrInvalidRequest}

// The kinds that say that the secret is gone.
const (
	notFound kinds = 1 << iota
	deleted
	gone = notFound | deleted
)

// kindsOf returns the refusals that err wraps; none if the source could not answer.
func kindsOf(err error) (ks kinds) {
	if isOutage(err) {
		return 0
	}
	for i, kind := range refusalKinds {
		if errors.Is(err, kind) {
			ks |= 1 << i
		}
	}
	return ks
}

func (ks kinds) areKnown() bool { return ks != 0 && bits.Len8(uint8(ks)) <= len(refusalKinds) }

// cause returns an error that wraps all of ks.
func (ks kinds) cause() (err error) {
	for i, kind := range refusalKinds {
		switch {
		case ks&(1<<i) == 0:
		case err == nil:
			err = kind
		default:
			err = fmt.Errorf("%w, %w", err, kind)
		}
	}
	return err
}

func (r *refusal) moment() moment { return moment{r.At, r.Writer, r.Number} }

// isGone reports whether r says only that the secret is gone. It is false if r also says
// that the caller may not have the secret: with several regions, one may say this and
// another that.
func (r *refusal) isGone() bool { return r != nil && r.Kinds&gone != 0 && r.Kinds&^gone == 0 }

func (r *refusal) when() string { return r.At.UTC().Format(time.RFC3339) }

// A refusedError says why the last fetch failed, and how the source had refused the secret
// before. It formats its text in Error, not when it is made: it is made with Cache.mu held,
// and the Error method of a source's error may do anything.
type refusedError struct {
	last    error
	known   string // from where, and when
	refusal error
}

func (e *refusedError) Error() string   { return fmt.Sprintf("%v; %s: %v", e.last, e.known, e.refusal) }
func (e *refusedError) Unwrap() []error { return []error{e.last, e.refusal} }

// recall adds to fail, the failure of t, what the source said of the secret. If there is a value
// that may be returned all the same, the error of fail names the last refusal too, for
// StaleIfError. Called with mu held.
func (c *Cache) recall(t *outcome, fail *failure, hasValue bool) {
	if t.kept != nil {
		fail.said = t.kept.said // refuseKept has compared the two
	}
	if t.kinds != 0 {
		r := &refusal{Kinds: t.kinds, At: time.Unix(0, fail.at.wall), Number: c.fetched}
		if c.sealed != nil {
			r.Writer = c.sealed.writer
		}
		if r.isGone() {
			fail.said = said{Gone: r}
		} else {
			fail.said.Refused = r
		}
		c.noteSaid(t.ref, fail.said)
		return
	}
	r := fail.said.last()
	if r == nil || !hasValue && t.kept == nil {
		return
	}
	known := "before that, at " + r.when() + ", the source refused this secret"
	if c.sealed != nil && r.Writer != c.sealed.writer {
		known = "the sealed file remembers that the source refused this secret at " + r.when()
	}
	fail.err.Err = &refusedError{t.fail, known, r.Kinds.cause()}
}

// noteSaid has the next write put what the source said into the file. Called with mu held.
func (c *Cache) noteSaid(ref Ref, s said) {
	b := c.sealed
	if b == nil {
		return
	}
	if b.refused == nil {
		b.refused = map[Ref]said{}
	}
	if len(b.refused) >= max(c.cfg.MaxSize, DefaultMaxSize) { // the file can't be written
		for other := range b.refused {
			delete(b.refused, other)
			break
		}
	}
	b.refused[ref] = s
	c.outdateSealed()
}
