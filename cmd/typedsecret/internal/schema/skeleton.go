package schema

import (
	"encoding/json"
	"strings"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/shape"
)

// Skeleton returns a secret to fill in: a document with each key and an empty value, or with
// an example where a value has a form. It returns "" for a secret that is no JSON.
func (r Reading) Skeleton() string {
	if r.Unknown != "" || r.Key == "" && r.Codec != shape.JSON {
		return ""
	}
	var value any = ""
	if r.Codec == shape.JSON {
		value = skeleton(r.Shape.Target(), map[*shape.Shape]bool{})
	}
	if r.Key != "" {
		value = members{{r.Key, value}}
	}
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return ""
	}
	return string(text)
}

// members is an object whose keys keep their order.
type members []member

type member struct {
	key   string
	value any
}

func (m members) MarshalJSON() ([]byte, error) {
	var b strings.Builder
	b.WriteByte('{')
	for i, member := range m {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(member.key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(member.value)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return []byte(b.String()), nil
}

func skeleton(s *shape.Shape, within map[*shape.Shape]bool) any {
	if within[s] {
		return nil
	}
	within[s] = true
	defer delete(within, s)
	switch s.Kind {
	case shape.Object:
		all := members{}
		for _, f := range s.Fields {
			all = append(all, member{f.Key, skeleton(f.Shape, within)})
		}
		return all
	case shape.Map:
		return members{}
	case shape.Array:
		list := []any{}
		for range min(max(s.Len, 0), 16) {
			list = append(list, skeleton(s.Elem, within))
		}
		if s.Len < 0 && s.Elem.Target().Kind == shape.Object && !within[s.Elem.Target()] {
			list = append(list, skeleton(s.Elem.Target(), within))
		}
		return list
	case shape.Time:
		return "2006-01-02T15:04:05Z"
	case shape.Duration:
		return "30s"
	case shape.Bool:
		return false
	case shape.Int, shape.Uint, shape.Float, shape.Number:
		return 0
	case shape.PEM:
		return "-----BEGIN …-----\n…\n-----END …-----\n"
	case shape.Any, shape.Custom:
		return nil
	case shape.Pointer:
		if within[s.Target()] {
			return nil
		}
		return skeleton(s.Elem, within)
	}
	return ""
}
