package codec

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
)

// A structPlan says to which fields of a struct the members of an object go.
type structPlan struct {
	fields []field
	byName map[string]int
}

func (m planning) structPlan(t reflect.Type) *plan {
	fields, faults := readStruct(t).fields()
	s := &structPlan{fields: fields, byName: map[string]int{}}
	p := &plan{decode: s.decode, faults: faults}
	for i := range s.fields {
		f := &s.fields[i]
		s.byName[f.name] = i
		f.unfit = sync.OnceValue(func() string { return f.plan.refusal(true) })
		if f.hidden && f.typ.Kind() == reflect.Struct {
			// The methods of an unexported field can't be called, but its exported fields
			// can be set.
			f.plan = m.structPlan(f.typ)
		} else {
			f.plan = m.plan(f.typ)
		}
		p.parts = append(p.parts, part{f.path, f.plan, true})
	}
	return p
}

func (s *structPlan) decode(d *decoder, v reflect.Value) {
	if d.peek() != '{' {
		d.wrongKind("an object")
		return
	}
	var (
		few     [32]bool
		seen    = few[:]
		unknown keySet
		guess   int // the next field, since secrets often have their keys in the struct's order
	)
	if len(s.fields) > len(few) {
		seen = make([]bool, len(s.fields))
	}
	d.pos++
	for first := true; d.next(first, '}'); first = false {
		at := d.pos
		key := d.key()
		i, known := guess, guess < len(s.fields) && s.fields[guess].name == string(key)
		if !known {
			i, known = s.byName[string(key)]
		}
		if !known && d.options.AllowMissing {
			i, known = s.folded(d, string(key), at)
		}
		switch {
		case i < 0:
			d.skip()
		case !known:
			s.unknown(d, &unknown, key, at)
		case seen[i]:
			d.push(&s.fields[i], 0)
			d.failAt(at, ErrDuplicateKey, "the object has this key twice")
			d.skip()
			d.pop()
		default:
			seen[i] = true
			guess = i + 1
			s.field(d, v, &s.fields[i])
		}
	}
	for i := range s.fields {
		if !seen[i] {
			s.missing(d, v, &s.fields[i], &unknown)
		}
	}
}

// unknown handles a key that no field has. Its text is part of the secret.
func (s *structPlan) unknown(d *decoder, unknown *keySet, key []byte, at int) {
	if !unknown.add(key) {
		d.failAt(at, ErrDuplicateKey, "the object has a key twice that no field is for")
	} else if d.options.Strict {
		reason := "no field is for this key"
		for i := range s.fields {
			if d.full() || kin(string(key), s.fields[i].name) < sibling {
				continue
			}
			but := "a blank or an invisible character"
			if strings.EqualFold(s.fields[i].name, string(key)) {
				but = "its case"
			}
			reason += fmt.Sprintf("; but for %s it is %q", but, s.fields[i].name)
			break
		}
		d.failAt(at, ErrUnknownKey, reason)
	}
	d.skip()
}

// field decodes the current value into f of v.
func (s *structPlan) field(d *decoder, v reflect.Value, f *field) {
	null := d.data[d.pos] == 'n'
	switch {
	case null && !f.optional && !d.options.AllowMissing && !f.plan.takesNull:
		d.miss(f, MissingKey{Null: true})
		d.skip()
		return
	case null && !f.plan.takesNull:
		// As in encoding/json, a map or a slice becomes nil, and other values stay.
		d.skip()
		if fv, _ := f.in(v, true); fv.Kind() == reflect.Map || fv.Kind() == reflect.Slice {
			fv.SetZero()
		}
		return
	}
	d.push(f, 0)
	if d.options.AllowMissing {
		if reason := f.unfit(); reason != "" {
			d.fail(ErrUnsupported, reason)
			d.skip()
			d.pop()
			return
		}
	}
	d.quoted = f.quoted
	fv, _ := f.in(v, true)
	f.plan.decode(d, fv)
	d.quoted = false
	d.pop()
}

// in returns the variable of f in v. If mayMake is set, it allocates embedded structs that
// are nil pointers on the way. Otherwise ok is false if there is such a pointer.
func (f *field) in(v reflect.Value, mayMake bool) (fv reflect.Value, ok bool) {
	if len(f.index) == 1 {
		return v.Field(f.index[0]), true
	}
	for _, i := range f.index {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				if !mayMake {
					return reflect.Value{}, false
				}
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	return v, true
}

// folded finds the field whose key differs from key only in case. If there are two such
// fields, folded records the problem and returns -1.
func (s *structPlan) folded(d *decoder, key string, at int) (i int, known bool) {
	for j := range s.fields {
		if !strings.EqualFold(s.fields[j].name, key) {
			continue
		}
		if known {
			d.failAt(at, ErrUnknownKey, "this key differs from those of two fields in case only")
			return -1, false
		}
		i, known = j, true
	}
	return i, known
}

// missing records that the object has no key for f. An optional field is missing only if
// the object has a key that can't have been meant for anything else. The fields of a struct
// that is embedded by pointer are optional, unless the object has one of them.
func (s *structPlan) missing(d *decoder, v reflect.Value, f *field, unknown *keySet) {
	if d.cut {
		return
	}
	near, how := unknown.near(f.name)
	if how < sibling {
		if f.optional || d.options.AllowMissing {
			return
		}
		if _, ok := f.in(v, false); !ok {
			return
		}
	}
	d.miss(f, MissingKey{Near: near})
}

func pointerDecoder(elem *plan) func(*decoder, reflect.Value) {
	return func(d *decoder, v reflect.Value) {
		if d.peek() == 'n' {
			d.literal()
			v.SetZero()
			return
		}
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		elem.decode(d, v.Elem())
	}
}

// sliceDecoder always makes a new array, since another value may use the old one.
func sliceDecoder(t reflect.Type, elem *plan) func(*decoder, reflect.Value) {
	isBytes := t.Elem().Kind() == reflect.Uint8
	return func(d *decoder, v reflect.Value) {
		c := d.peek()
		if c == '"' && isBytes {
			decodeBase64(d, v)
			return
		}
		if c != '[' {
			if isBytes {
				d.wrongKind("a string in base64")
			} else {
				d.wrongKind("an array")
			}
			return
		}
		v.Set(reflect.MakeSlice(t, 0, 0))
		d.pos++
		for first, i := true, 0; d.next(first, ']'); first, i = false, i+1 {
			if d.cut {
				d.skip()
				continue
			}
			if i == v.Cap() {
				v.Grow(max(4, i))
			}
			v.SetLen(i + 1)
			d.push(nil, i)
			elem.decode(d, v.Index(i))
			d.pop()
		}
	}
}

func arrayDecoder(t reflect.Type, elem *plan) func(*decoder, reflect.Value) {
	return func(d *decoder, v reflect.Value) {
		if d.peek() != '[' {
			d.wrongKind("an array")
			return
		}
		at, n := d.pos, 0
		d.pos++
		for first := true; d.next(first, ']'); first, n = false, n+1 {
			d.push(nil, n)
			if n < t.Len() && !d.cut {
				v.Index(n).SetZero()
				elem.decode(d, v.Index(n))
			} else {
				d.skip()
			}
			d.pop()
		}
		if n != t.Len() {
			d.failAt(at, ErrWrongKind, fmt.Sprintf("met an array of %d where one of %d is wanted", n, t.Len()))
		}
	}
}

func mapDecoder(t reflect.Type, key keyDecoder, elem *plan) func(*decoder, reflect.Value) {
	return func(d *decoder, v reflect.Value) {
		if d.peek() != '{' {
			d.wrongKind("an object")
			return
		}
		made := reflect.MakeMap(t)
		d.pos++
		for first := true; d.next(first, '}'); first = false {
			at := d.pos
			text := d.key()
			d.push(nil, -1)
			k, ok := key(d, text, at)
			switch {
			case !ok || d.cut:
				d.skip()
			case made.MapIndex(k).IsValid():
				d.failAt(at, ErrDuplicateKey, "the object has one key twice")
				d.skip()
			default:
				e := reflect.New(t.Elem()).Elem()
				elem.decode(d, e)
				made.SetMapIndex(k, e)
			}
			d.pop()
		}
		if v.Len() == 0 {
			v.Set(made)
			return
		}
		for it := made.MapRange(); it.Next(); {
			v.SetMapIndex(it.Key(), it.Value())
		}
	}
}

func decodeInterface(d *decoder, v reflect.Value) {
	if a := d.any(); a != nil {
		v.Set(reflect.ValueOf(a))
	} else {
		v.SetZero()
	}
}

// any decodes the current value as encoding/json decodes into an interface.
func (d *decoder) any() any {
	switch d.peek() {
	case '"':
		return string(d.text())
	case '{':
		m := map[string]any{}
		d.pos++
		for first := true; d.next(first, '}'); first = false {
			at := d.pos
			key := string(d.key())
			d.push(nil, -1)
			if _, ok := m[key]; ok {
				d.failAt(at, ErrDuplicateKey, "the object has one key twice")
			}
			m[key] = d.any()
			d.pop()
		}
		return m
	case '[':
		a := []any{}
		d.pos++
		for first := true; d.next(first, ']'); first = false {
			d.push(nil, len(a))
			a = append(a, d.any())
			d.pop()
		}
		return a
	case 'n':
		d.literal()
		return nil
	case 't', 'f':
		return d.literal()[0] == 't'
	}
	at := d.pos
	f, reason := parseFloat(d.literal(), 64)
	if reason != "" {
		d.failAt(at, ErrValue, reason)
	}
	return f
}
