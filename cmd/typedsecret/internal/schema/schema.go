package schema

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/shape"
)

// Dialect is the version of JSON Schema.
const Dialect = "https://json-schema.org/draft/2020-12/schema"

// A Schema is a JSON Schema.
type Schema map[string]any

// Schema returns the schema of the secrets that the handle takes. It returns nil if there is
// none: what the handle takes is not known, or is no JSON.
//
// The schema and codec.JSON accept the same documents, but for what JSON Schema can't say. It
// compares values and not texts: a duplicate key, an integer that is written 1.0, and a number
// that a float would change are refused by the codec alone. So are a number in a string that
// is out of range, and a text that a method of its type refuses, such as 30 February as a
// time or a PEM text that is cut short.
func (r Reading) Schema() Schema {
	if r.Unknown != "" || r.Key == "" && r.Codec != shape.JSON {
		return nil
	}
	m := &maker{options: r.Options, defs: Schema{}, names: map[*shape.Shape]string{}}
	var s Schema
	if r.Codec == shape.JSON {
		s = m.schema(r.Shape.Target(), false)
		if r.Shape.Kind == shape.Pointer && r.Shape.Target().Nullable {
			s["not"] = null // a nil pointer from a secret would panic at its first use
		}
	} else {
		s = Schema{"type": "string"}
	}
	if r.Key != "" {
		s = Schema{"type": "object", "properties": Schema{r.Key: s}, "required": []string{r.Key}}
	}
	s["$schema"] = Dialect
	if len(m.defs) > 0 {
		s["$defs"] = m.defs
	}
	return s
}

// A maker makes one schema.
type maker struct {
	options JSON
	defs    Schema
	names   map[*shape.Shape]string // of the types in defs
}

// null is the schema of null alone.
var null = Schema{"type": "null"}

// schema returns the schema of s. A quoted one has the tag `,string`.
func (m *maker) schema(s *shape.Shape, quoted bool) Schema {
	if s.Kind == shape.Object && s.IsNamed || isEndless(s) {
		return m.named(s, quoted)
	}
	return m.inline(s, quoted)
}

// isEndless reports whether s contains itself and has no struct on the way, as type T []T.
func isEndless(s *shape.Shape) bool {
	seen := map[*shape.Shape]bool{}
	for e := s.Elem; e != nil && !seen[e]; e = e.Elem {
		if e == s {
			return true
		}
		seen[e] = true
	}
	return false
}

// named returns a reference to the schema of a type, so that the type may contain itself.
func (m *maker) named(s *shape.Shape, quoted bool) Schema {
	name, known := m.names[s]
	if !known {
		name = s.Name
		for n := 2; m.defs[name] != nil; n++ {
			name = fmt.Sprintf("%s-%d", s.Name, n)
		}
		m.names[s] = name
		m.defs[name] = Schema{} // taken
		m.defs[name] = m.inline(s, quoted)
	}
	return Schema{"$ref": "#/$defs/" + strings.NewReplacer("~", "~0", "/", "~1", "%", "%25", "[", "%5B", "]", "%5D", " ", "%20", "*", "%2A").Replace(name)}
}

// inline returns the schema of s, and no reference to it.
func (m *maker) inline(s *shape.Shape, quoted bool) Schema {
	lenient := quoted || m.options.Lenient
	switch s.Kind {
	case shape.Any:
		return Schema{}
	case shape.Object:
		return m.fields(s)
	case shape.Map:
		return m.mapping(s)
	case shape.Array:
		a := Schema{"type": "array", "items": m.schema(s.Elem, false)}
		if s.Len >= 0 {
			a["minItems"], a["maxItems"] = s.Len, s.Len
		}
		return a
	case shape.String, shape.Text:
		return texts(lenient)
	case shape.Redacted:
		t := texts(lenient)
		t["not"] = Schema{"const": "[REDACTED]"}
		return t
	case shape.Binary:
		return Schema{"anyOf": []Schema{{"type": "string"}, m.fields(s)}}
	case shape.Time:
		return Schema{"type": "string", "format": "date-time", "pattern": timePattern}
	case shape.Duration:
		d := []Schema{{"type": "string", "pattern": durationPattern}, m.integer(s)}
		if quoted {
			d = append(d, Schema{"type": "string", "pattern": intPattern})
		}
		return Schema{"anyOf": d}
	case shape.Number:
		return Schema{"anyOf": []Schema{{"type": "number"}, {"type": "string", "pattern": numberPattern}}}
	case shape.Bool:
		if lenient {
			return Schema{"enum": []any{true, false, "true", "false"}}
		}
		return Schema{"type": "boolean"}
	case shape.Int, shape.Uint:
		pattern := intPattern
		if s.Kind == shape.Uint {
			pattern = uintPattern
		}
		return orText(m.integer(s), lenient, pattern)
	case shape.Float:
		most := math.MaxFloat64
		if s.Bits == 32 {
			most = math.MaxFloat32
		}
		return orText(Schema{"type": "number", "minimum": -most, "maximum": most}, lenient, numberPattern)
	case shape.Bytes:
		return Schema{"anyOf": []Schema{
			{"type": "string", "contentEncoding": "base64", "pattern": base64Pattern},
			{"type": "array", "items": m.schema(s.Elem, false)},
		}}
	case shape.PEM:
		types := []string{"string", "object"}
		if s.IsList {
			types = append(types, "array")
		}
		return Schema{"type": types, "$comment": "PEM text"}
	case shape.Pointer:
		return Schema{"anyOf": []Schema{m.schema(s.Elem, quoted), null}}
	}
	return Schema{"not": null, "$comment": "what the UnmarshalJSON method of " + s.Name + " takes"}
}

// The patterns are those of encoding/json, strconv, time and encoding/base64.
const (
	intPattern      = `^-?(0|[1-9][0-9]*)$`
	uintPattern     = `^(0|[1-9][0-9]*)$`
	numberPattern   = `^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`
	durationPattern = `^[-+]?(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$`
	timePattern     = `^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`
	base64Pattern   = `^[\r\n]*(([A-Za-z0-9+/][\r\n]*){4})*(([A-Za-z0-9+/][\r\n]*){2}=[\r\n]*=[\r\n]*|([A-Za-z0-9+/][\r\n]*){3}=[\r\n]*)?$`
)

func texts(lenient bool) Schema {
	if lenient {
		return Schema{"type": []string{"string", "number", "boolean"}}
	}
	return Schema{"type": "string"}
}

func orText(s Schema, lenient bool, pattern string) Schema {
	if !lenient {
		return s
	}
	return Schema{"anyOf": []Schema{s, {"type": "string", "pattern": pattern}}}
}

// integer returns the schema of the integers that a type holds.
func (m *maker) integer(s *shape.Shape) Schema {
	bits := s.Bits
	if s.Kind == shape.Duration {
		bits = 64
	}
	if s.Kind == shape.Uint {
		return Schema{"type": "integer", "minimum": 0, "maximum": json.Number(fmt.Sprint(uint64(math.MaxUint64) >> (64 - bits)))}
	}
	most := int64(math.MaxInt64) >> (64 - bits)
	return Schema{"type": "integer", "minimum": json.Number(fmt.Sprint(-most - 1)), "maximum": json.Number(fmt.Sprint(most))}
}

func (m *maker) mapping(s *shape.Shape) Schema {
	o := Schema{"type": "object", "additionalProperties": m.schema(s.Elem, false)}
	switch s.Keys.Kind {
	case shape.Int:
		o["propertyNames"] = Schema{"pattern": `^[-+]?[0-9]+$`}
	case shape.Uint:
		o["propertyNames"] = Schema{"pattern": `^[0-9]+$`}
	case shape.Redacted:
		o["propertyNames"] = Schema{"not": Schema{"const": "[REDACTED]"}}
	}
	return o
}

// fields returns the schema of an object with the keys of a struct.
func (m *maker) fields(s *shape.Shape) Schema {
	properties, required, all := Schema{}, []string{}, []string{}
	for _, f := range s.Fields {
		value := m.schema(f.Shape, f.Quoted)
		if (f.Optional || m.options.AllowMissing) && !f.Shape.Nullable {
			value = Schema{"anyOf": []Schema{value, null}}
		}
		properties[f.Key] = value
		all = append(all, f.Key)
		if !f.Optional && len(f.Pointers) == 0 && !m.options.AllowMissing {
			required = append(required, f.Key)
		}
	}
	o := Schema{"type": "object", "properties": properties}
	if len(required) > 0 {
		o["required"] = required
	}
	if m.options.Strict {
		o["additionalProperties"] = false
	}
	if m.options.AllowMissing {
		return o
	}
	if together := together(s.Fields); len(together) > 0 {
		o["dependentRequired"] = together
	}
	var near []Schema
	for _, f := range s.Fields {
		if slices.Contains(required, f.Key) {
			continue
		}
		// A key that differs from an optional one only in case or by a blank is a mistake.
		near = append(near, Schema{"anyOf": []Schema{
			{"required": []string{f.Key}},
			{"propertyNames": Schema{"anyOf": []Schema{{"enum": all}, {"not": Schema{"pattern": nearMisses(f.Key)}}}}},
		}})
	}
	if len(near) > 0 {
		o["allOf"] = near
	}
	return o
}

// together returns, for each key of a struct that is embedded by pointer, the keys that must
// then be there too.
func together(fields []shape.Field) Schema {
	all := Schema{}
	for _, present := range fields {
		var needed []string
		for _, f := range fields {
			n := len(f.Pointers)
			if n > 0 && !f.Optional && f.Key != present.Key && slices.Contains(present.Pointers, f.Pointers[n-1]) {
				needed = append(needed, f.Key)
			}
		}
		if needed != nil {
			all[present.Key] = needed
		}
	}
	return all
}

// nearMisses returns a pattern for the keys that differ from one only in case, or by blanks and
// invisible characters.
func nearMisses(key string) string {
	const hidden = `[\p{Z}\p{Cc}\p{Cf}]*`
	var b strings.Builder
	b.WriteString("^" + hidden)
	for _, r := range key {
		if unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			continue
		}
		b.WriteString("[" + escape(r))
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			b.WriteString(escape(f))
		}
		b.WriteString("]" + hidden)
	}
	return b.String() + "$"
}

// escape returns a character as it stands in a class of a pattern.
func escape(r rune) string {
	if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' {
		return string(r)
	}
	return `\` + string(r)
}
