package yaml

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/typedsecret/typedsecret/codec"
)

// CheckType implements [codec.Checker]. It refuses what codec.JSON refuses. It also
// refuses code for other YAML packages that would be ignored: a yaml tag on a field
// without a json tag, and an UnmarshalYAML method of a type without UnmarshalJSON
// and UnmarshalText.
func (c Codec) CheckType(t reflect.Type) error {
	if err := c.json().CheckType(t); err != nil {
		return err
	}
	ignored, ok := searched.Load(t)
	if !ok {
		s := search{seen: map[reflect.Type]bool{}}
		s.look(t, "")
		ignored, _ = searched.LoadOrStore(t, s.ignored)
	}
	if ignored == "" {
		return nil
	}
	return &codec.Error{Type: t.String(), Offset: -1, Kind: codec.ErrUnsupported, Reason: ignored.(string)}
}

var searched sync.Map // from a reflect.Type to the result of its search

// A search looks through a type for code that this codec would ignore.
type search struct {
	seen    map[reflect.Type]bool
	ignored string // describes the first that was found
}

var (
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// look searches t, which is at path in the whole type.
func (s *search) look(t reflect.Type, path string) {
	if s.ignored != "" || s.seen[t] || t.Kind() == reflect.Interface {
		return
	}
	s.seen[t] = true
	if pointer := reflect.PointerTo(t); t.Kind() != reflect.Pointer {
		if pointer.Implements(jsonUnmarshaler) || pointer.Implements(textUnmarshaler) {
			return
		}
		if _, ok := pointer.MethodByName("UnmarshalYAML"); ok {
			s.ignored = name(t, path) + " has an UnmarshalYAML method, which recipes/yaml does not call; give it an UnmarshalJSON method, which gets the YAML as JSON"
			return
		}
	}
	switch t.Kind() {
	case reflect.Pointer:
		s.look(t.Elem(), path)
	case reflect.Slice, reflect.Array, reflect.Map:
		s.look(t.Elem(), path+"[*]")
	case reflect.Struct:
		for i := range t.NumField() {
			s.lookAtField(t, t.Field(i), path)
		}
	}
}

func (s *search) lookAtField(t reflect.Type, f reflect.StructField, path string) {
	yamlTag, hasYAML := f.Tag.Lookup("yaml")
	jsonTag, hasJSON := f.Tag.Lookup("json")
	isInline := f.Anonymous && strings.HasPrefix(yamlTag, ",")
	switch {
	case s.ignored != "" || jsonTag == "-" || !f.IsExported() && !f.Anonymous:
	case hasYAML && !hasJSON && !isInline:
		s.ignored = fmt.Sprintf("the field %s of %s has the tag yaml:%q and no json tag, which is the one that recipes/yaml reads; add it", f.Name, name(t, path), yamlTag)
	default:
		s.look(f.Type, strings.TrimPrefix(path+"."+f.Name, "."))
	}
}

// name returns the name of t, with its place unless it is the whole type.
func name(t reflect.Type, path string) string {
	text := t.String()
	if t.Kind() == reflect.Struct && t.Name() == "" {
		text = "the struct"
	}
	if path != "" {
		text += " (at " + path + ")"
	}
	return text
}
