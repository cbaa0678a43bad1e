package codec

import (
	"reflect"
	"slices"
)

// maxAlso is the most problems that an error lists beside the first one and the missing
// keys.
const maxAlso = 100

// fail records a problem with the current value.
func (d *decoder) fail(kind error, reason string) {
	d.failAt(d.pos, kind, reason)
}

func (d *decoder) failAt(at int, kind error, reason string) {
	if d.full() {
		d.more = true
		return
	}
	d.record(&Error{Path: d.pathString(""), Offset: int64(at), Kind: kind, Reason: reason})
}

// full reports whether the list of problems is full, missing keys aside.
func (d *decoder) full() bool { return d.err != nil && len(d.err.Also) == maxAlso }

// found returns the number of recorded problems, missing keys aside.
func (d *decoder) found() int {
	if d.err == nil {
		return 0
	}
	return 1 + len(d.err.Also)
}

// record adds a problem other than missing keys.
func (d *decoder) record(e *Error) {
	switch {
	case d.err == nil:
		d.err = e
	case d.full():
		d.more = true
	default:
		d.err.Also = append(d.err.Also, e)
	}
}

// failCause records that a method of the value's own type returned an error. The hint, if
// there is one, is a clause. Duplicates says that duplicate keys of the value are recorded
// already; then the method may have failed because of them.
func (d *decoder) failCause(at int, t reflect.Type, method, hint string, cause error, duplicates bool) {
	path := d.pathString("")
	e := wrap(t, ErrValue, "the "+method+" method of "+t.String()+" refused it"+hint, cause)
	// The method may have used a codec of this package, whose paths begin at its value.
	field := d.fieldString("")
	for _, m := range e.Missing {
		m.Key, m.Field = join(path, m.Key), join(field, m.Field)
		d.note(m)
	}
	if e.Cut {
		d.cut, d.more = d.cut || len(e.Missing) >= maxMissing, true
	}
	problems := e.problems()
	if !slices.Contains(problems, e) && !d.cut { // no problem below has e.is
		d.around = append(d.around, e.is)
	}
	for _, p := range problems {
		if duplicates && (p.Kind == ErrDuplicateKey || p.opaque) {
			continue
		}
		p = p.alone()
		p.Path, p.Offset = join(path, p.Path), int64(at)
		if d.full() || d.found() == 0 || !d.err.tells(p) {
			d.record(p)
		}
	}
}

// maxMissing is the most missing keys that an error lists. A secret of 64 kB may lack
// millions.
const maxMissing = 1000

// miss records that the current object lacks the key of f.
func (d *decoder) miss(f *field, m MissingKey) {
	if d.cut {
		return
	}
	m.Key, m.Field = d.pathString(f.name), d.fieldString(f.goName)
	d.note(m)
}

// note adds m to the missing keys. Once the list is full, the rest of the secret is
// skipped, since its elements are not needed.
func (d *decoder) note(m MissingKey) {
	if len(d.missing) == maxMissing {
		d.cut = true
		return
	}
	d.missing = append(d.missing, m)
}
