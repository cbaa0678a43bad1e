package codec

import (
	"encoding"
	"encoding/json"
	"reflect"
	"sync"
)

// A plan says how values of one type are decoded, and which parts of the type can't be
// decoded. It is made once for each type, and never changes after that. It is run only if
// it and its parts have no faults.
type plan struct {
	decode func(d *decoder, v reflect.Value)
	// takesNull means that null is a value of the type, and not a missing value.
	takesNull bool
	faults    []fault // the reasons why a part of the type would stay empty
	parts     []part
}

// A part is the plan of a field or an element.
type part struct {
	name    string // the field's name, [*] for an element, or "" for the target of a pointer
	plan    *plan
	isField bool // whether it is a field of a struct
}

// A root is the plan of a whole T.
type root struct {
	*plan
	refusal string // why some part of T would not be decoded; "" if all parts are
	unfit   string // why no T can be decoded; "" if T can be decoded
}

var (
	roots sync.Map // from a reflect.Type to its root
	plans sync.Map // from a reflect.Type to its *plan
)

func planFor(t reflect.Type) root {
	if r, ok := roots.Load(t); ok {
		return r.(root)
	}
	making := planning{}
	p := making.plan(t)
	r := root{p, p.refusal(false), p.refusal(true)}
	// The plans are stored only now, since all plans that they use are complete.
	for t, p := range making {
		plans.LoadOrStore(t, p)
	}
	roots.Store(t, r)
	return r
}

// refusal lists the faults of p and of its parts. It returns "" if there are none. It may
// leave out the fields of structs, since a secret may lack their keys.
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

// planning holds the plans that one call of planFor has begun. So a type that contains
// itself finds its own plan there.
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
		// time.Time's UnmarshalJSON reads the same text, and ignores null.
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

// leaveOut is the advice about a type into which nothing decodes.
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

// pointsToItself finds types such as `type P *P`, which have no value without a cycle.
func pointsToItself(t reflect.Type) bool {
	for e, n := t.Elem(), 0; e.Kind() == reflect.Pointer; e, n = e.Elem(), n+1 {
		if e == t || n > 100 {
			return true
		}
	}
	return false
}
