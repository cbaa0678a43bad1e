package codec

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// A plan is how values of one type are decoded. Plans are made once a type and
// never change after that.
type plan struct {
	decode func(d *decoder, v reflect.Value)
	// takesNull says that null is a value of the type, not the lack of one.
	takesNull bool
}

// A field is one key of an object and where in a struct its value goes.
type field struct {
	name     string // the key
	goName   string
	index    []int // as reflect.Value.FieldByIndex wants it
	typ      reflect.Type
	plan     *plan // nil if nothing can be stored in the field
	optional bool  // the key may be missing
	quoted   bool  // tagged `,string`, and of a kind that the tag is for
	tagged   bool  // the key comes from the tag
	hidden   bool  // the Go field is unexported, and so an embedded struct with a tag
}

var plans sync.Map // reflect.Type to *plan

func planFor(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	making := planning{}
	p := making.plan(t)
	// Only now is every plan that these refer to whole.
	for t, p := range making {
		plans.LoadOrStore(t, p)
	}
	return p
}

// planning holds the plans begun by one call of planFor, so that a type which
// contains itself ends in the plan already begun.
type planning map[reflect.Type]*plan

func (m planning) plan(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	if p, ok := m[t]; ok {
		return p
	}
	p := &plan{}
	m[t] = p
	m.fill(p, t)
	return p
}

var (
	jsonUnmarshaler   = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler   = reflect.TypeFor[encoding.TextUnmarshaler]()
	binaryUnmarshaler = reflect.TypeFor[encoding.BinaryUnmarshaler]()
)

func (m planning) fill(p *plan, t reflect.Type) {
	pt := reflect.PointerTo(t)
	switch {
	case t == durationType:
		p.decode = decodeDuration
	case t == timeType:
		// Its UnmarshalJSON reads the same text and takes null for no time.
		p.decode = decodeText
	case t == rawMessageType:
		p.decode, p.takesNull = decodeJSON, true
	case t.Kind() == reflect.Interface:
		p.decode, p.takesNull = decodeUnsupported, true
		if t.NumMethod() == 0 {
			p.decode = decodeInterface
		}
	case t.Kind() != reflect.Pointer && pt.Implements(jsonUnmarshaler):
		p.decode = decodeJSON
	case t.Kind() != reflect.Pointer && pt.Implements(textUnmarshaler):
		p.decode = decodeText
	case t.Kind() == reflect.Struct && pt.Implements(binaryUnmarshaler):
		m.fillKind(p, t)
		p.decode = decodeBinary(p.decode)
	default:
		m.fillKind(p, t)
	}
}

func (m planning) fillKind(p *plan, t reflect.Type) {
	switch t.Kind() {
	case reflect.String:
		p.decode = decodeString
		if t == numberType {
			p.decode = decodeNumber
		}
	case reflect.Bool:
		p.decode = decodeBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		p.decode = decodeInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		p.decode = decodeUint
	case reflect.Float32, reflect.Float64:
		p.decode = decodeFloat
	case reflect.Struct:
		p.decode = m.structPlan(t).decode
	case reflect.Map:
		p.decode = m.mapDecoder(t)
	case reflect.Slice:
		p.decode = sliceDecoder(t, m.plan(t.Elem()))
	case reflect.Array:
		p.decode = arrayDecoder(t, m.plan(t.Elem()))
	case reflect.Pointer:
		p.takesNull = true
		p.decode = decodeUnsupported
		if !pointsToItself(t) {
			p.decode = pointerDecoder(m.plan(t.Elem()))
		}
	default:
		p.decode = decodeUnsupported
	}
}

// pointsToItself finds types such as `type P *P`, of which no value ends.
func pointsToItself(t reflect.Type) bool {
	for e, n := t.Elem(), 0; e.Kind() == reflect.Pointer; e, n = e.Elem(), n+1 {
		if e == t || n > 100 {
			return true
		}
	}
	return false
}

// fields lists the keys of struct type t: its own fields and, level by level,
// those of the structs it embeds. Of several fields with one key the least
// deeply embedded wins, among them the one that is tagged; if that leaves more
// than one, the key is nobody's. These are the rules of encoding/json.
func (m planning) fields(t reflect.Type) []field {
	type level struct {
		typ    reflect.Type
		index  []int
		copies int // how often the type is embedded at this depth
	}
	var found []field
	visited := map[reflect.Type]bool{}
	for current := []level{{typ: t, copies: 1}}; len(current) > 0; {
		var next []level
		for _, l := range current {
			if visited[l.typ] {
				continue
			}
			visited[l.typ] = true
			for i := range l.typ.NumField() {
				sf := l.typ.Field(i)
				index := append(slices.Clip(l.index), i)
				f, embedded, ok := readField(sf, index)
				switch {
				case !ok:
				case embedded == nil:
					found = append(found, f)
					if l.copies > 1 {
						found = append(found, f) // the two hide each other
					}
				default:
					at := slices.IndexFunc(next, func(n level) bool { return n.typ == embedded })
					if at >= 0 {
						next[at].copies++
					} else {
						next = append(next, level{embedded, index, 1})
					}
				}
			}
		}
		current = next
	}
	fields := dominant(found)
	for i := range fields {
		switch f := &fields[i]; {
		case !f.hidden:
			f.plan = m.plan(f.typ)
		case f.typ.Kind() == reflect.Struct:
			// Its methods can't be called, its exported fields can be set.
			f.plan = m.structPlan(f.typ)
		}
	}
	return fields
}

// readField reads a field's tag. It returns the struct type to look into if the
// field is embedded for its own fields; ok is false if it has no key.
func readField(sf reflect.StructField, index []int) (f field, embedded reflect.Type, ok bool) {
	t := sf.Type
	if sf.Anonymous && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if !sf.IsExported() && !(sf.Anonymous && t.Kind() == reflect.Struct) {
		return f, nil, false
	}
	tag := sf.Tag.Get("json")
	if tag == "-" {
		return f, nil, false
	}
	name, options, _ := strings.Cut(tag, ",")
	if !validName(name) {
		name = ""
	}
	if name == "" && sf.Anonymous && t.Kind() == reflect.Struct {
		return f, t, true
	}
	f = field{name: name, goName: sf.Name, index: index, typ: sf.Type, tagged: name != "", hidden: !sf.IsExported()}
	if name == "" {
		f.name = sf.Name
	}
	f.optional = sf.Type.Kind() == reflect.Pointer
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "omitempty", "omitzero":
			f.optional = true
		case "string":
			f.quoted = isScalar(sf.Type)
		}
	}
	return f, nil, true
}

// isScalar reports whether `,string` means something for a field of type t.
func isScalar(t reflect.Type) bool {
	if t.Name() == "" && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch k := t.Kind(); {
	case k == reflect.String, k == reflect.Bool, reflect.Int <= k && k <= reflect.Float64:
		return true
	}
	return false
}

// validName reports whether encoding/json would take a tag's name for a key.
func validName(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) &&
			!strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", r)
	})
}

// dominant keeps of found, which is ordered by depth, the fields that win.
func dominant(found []field) []field {
	var fields []field
	for i, f := range found {
		if slices.ContainsFunc(found[:i], func(g field) bool { return g.name == f.name }) {
			continue // judged when its first was met
		}
		best, count := f, 0
		for _, g := range found[i:] {
			if g.name != f.name || len(g.index) > len(f.index) {
				continue
			}
			switch {
			case g.tagged == best.tagged:
				count++
			case g.tagged:
				best, count = g, 1
			}
		}
		if count == 1 {
			fields = append(fields, best)
		}
	}
	return fields
}
