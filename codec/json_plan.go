package codec

import (
	"encoding"
	"encoding/json"
	"reflect"
	"sync"
)

// A plan is how values of one type are decoded, and which parts of the type can't
// be. A plan is made once for each type and never changes after that. A plan is run
// only if there are no faults in it and in its parts.
type plan struct {
	decode func(d *decoder, v reflect.Value)
	// takesNull says that null is a value of the type, not the lack of one.
	takesNull bool
	faults    []fault // what would leave something of the type empty
	parts     []part
}

// A part is the plan of a field or an element.
type part struct {
	name    string // the field's, [*] for an element, "" for what a pointer points to
	plan    *plan
	isField bool // of a struct
}

// A root is the plan of a whole T.
type root struct {
	*plan
	refusal string // why a T would not be decoded whole; "" if any is
	unfit   string // why no T can be decoded; "" if one can
}

var (
	roots sync.Map // reflect.Type to root
	plans sync.Map // reflect.Type to *plan
)

func planFor(t reflect.Type) root {
	if r, ok := roots.Load(t); ok {
		return r.(root)
	}
	making := planning{}
	p := making.plan(t)
	r := root{p, p.refusal(false), p.refusal(true)}
	// Only now is every plan that these refer to whole.
	for t, p := range making {
		plans.LoadOrStore(t, p)
	}
	roots.Store(t, r)
	return r
}

// refusal lists the faults of p and of its parts; "" if there are none. It may leave out
// the fields of structs, which a secret need not have.
func (p *plan) refusal(withoutFields bool) string {
	type place struct {
		path string
		*plan
	}
	var texts []string
	seen := map[*plan]bool{p: true}
	for queue := []place{{"", p}}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		for _, f := range at.faults {
			texts = append(texts, f.at(at.path))
		}
		for _, part := range at.parts {
			if !seen[part.plan] && !(part.isField && withoutFields) {
				seen[part.plan] = true
				queue = append(queue, place{join(at.path, part.name), part.plan})
			}
		}
	}
	return listFaults(texts)
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
	switch {
	case pemTypes[t]:
		p.decode = decodePEM
	case byPointer[t]:
		p.faults = []fault{{"a " + t.String(), "cannot be decoded into; make it a *" + t.String() + ", which takes PEM text"}}
	case t == redactedType:
		p.decode = decodeRedacted
	case t == durationType:
		p.decode = decodeDuration
	case t == timeType:
		// Its UnmarshalJSON reads the same text and takes null for no time.
		p.decode = decodeText
	case t == rawMessageType:
		p.decode, p.takesNull = decodeJSON, true
	case t.Kind() == reflect.Interface:
		p.decode, p.takesNull = decodeInterface, true
		if t.NumMethod() > 0 {
			p.faults = []fault{{"the interface " + t.String(), "cannot be decoded into, since nothing says what type of value it is to hold; " + leaveOut}}
		}
	case t.Kind() != reflect.Pointer && decodes(t, unmarshalJSON):
		p.decode, p.faults = decodeJSON, promotedFaults(t, unmarshalJSON)
	case t.Kind() != reflect.Pointer && decodes(t, unmarshalText):
		p.decode, p.faults = decodeText, promotedFaults(t, unmarshalText)
	case t.Kind() == reflect.Struct && decodes(t, unmarshalBinary) && promotedFaults(t, unmarshalBinary) == nil:
		p.decode = decodeBinary(m.structPlan(t))
	default:
		m.fillKind(p, t)
	}
}

// leaveOut is the advice about a type that nothing decodes into.
const leaveOut = "give it another type, or tag the field json:\"-\""

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
		*p = *m.structPlan(t)
	case reflect.Map:
		m.fillMap(p, t)
	case reflect.Slice:
		elem := m.plan(t.Elem())
		p.decode, p.parts = sliceDecoder(t, elem), []part{{name: "[*]", plan: elem}}
	case reflect.Array:
		elem := m.plan(t.Elem())
		p.decode, p.parts = arrayDecoder(t, elem), []part{{name: "[*]", plan: elem}}
	case reflect.Pointer:
		p.takesNull = true
		if pointsToItself(t) {
			p.faults = []fault{{"the pointer " + t.String(), "points to itself, so that no value of it ends; " + leaveOut}}
			return
		}
		elem := m.plan(t.Elem())
		p.decode, p.parts = pointerDecoder(elem), []part{{plan: elem}}
	default:
		p.faults = []fault{{"a " + t.String(), "cannot be decoded into; " + leaveOut}}
	}
}

func (m planning) fillMap(p *plan, t reflect.Type) {
	key, elem := mapKey(t.Key()), m.plan(t.Elem())
	p.parts = []part{{name: "[*]", plan: elem}}
	if key == nil {
		p.faults = []fault{{"a " + t.String(), "cannot be decoded into, since the keys of a JSON object are text; give it a key type of strings or integers, or with an UnmarshalText method"}}
		return
	}
	p.decode = mapDecoder(t, key, elem)
	if decodes(t.Key(), unmarshalText) {
		p.faults = promotedFaults(t.Key(), unmarshalText)
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
