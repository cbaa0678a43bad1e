package codec

import (
	"fmt"
	"reflect"
	"slices"
)

// A field is one key of an object, and the place of its value in a struct.
type field struct {
	name     string // the key
	goName   string
	path     string // goName after the names of the structs in which it is embedded
	index    []int  // for reflect.Value.FieldByIndex
	typ      reflect.Type
	plan     *plan
	optional bool         // the key may be missing
	quoted   bool         // tagged `,string`, and of a kind for which the tag counts
	tagged   bool         // the key comes from the tag
	hidden   bool         // the Go field is unexported: an embedded struct with a tag
	stuck    reflect.Type // an embedded pointer on the way to the field that cannot be set
	// unfit returns why no value fits the field, or "". It does not look at the fields of
	// structs inside.
	unfit func() string
}

// A structReader lists the keys of a struct type: those of its own fields and, level by
// level, those of its embedded structs.
type structReader struct {
	typ        reflect.Type
	found      []field        // sorted by depth
	faults     []fault        // the faults of single fields
	shallowest map[string]int // the least depth of a field, by name
	unexported bool           // whether some fields have no key because they are unexported
}

// A level is a struct type that is embedded at one depth.
type level struct {
	typ  reflect.Type
	ways []way // the ways to it; two are enough, since its keys then clash
}

// A way leads from a struct to one that is embedded in it.
type way struct {
	index []int
	path  string       // the names of the embedded fields, with dots
	stuck reflect.Type // a pointer on the way that cannot be set
}

func readStruct(t reflect.Type) *structReader {
	r := &structReader{typ: t, shallowest: map[string]int{}}
	visited := map[reflect.Type]bool{}
	current := []level{{t, []way{{}}}}
	for depth := 0; len(current) > 0; depth++ {
		var next []level
		for _, l := range current {
			if visited[l.typ] {
				continue // all of its fields are shadowed
			}
			visited[l.typ] = true
			for i := range l.typ.NumField() {
				next = r.read(l, i, depth, next)
			}
		}
		current = next
	}
	return r
}

// read reads field i of l. It adds an embedded struct to next, the level below.
func (r *structReader) read(l level, i, depth int, next []level) []level {
	sf := l.typ.Field(i)
	if sf.Name == "_" {
		return next
	}
	if _, ok := r.shallowest[sf.Name]; !ok {
		r.shallowest[sf.Name] = depth
	}
	path := l.ways[0].path + sf.Name
	tag, trouble := readTag(sf)
	switch inner := embeddedStruct(sf); {
	case trouble != "":
		r.fault(path, trouble)
		r.add(l, sf, tag)
	case tag.isOut:
	case inner != nil && tag.name == "":
		return r.embed(l, sf, path, next)
	case !sf.IsExported() && tag.isThere:
		r.readHidden(l, sf, path, tag)
	case !sf.IsExported():
		r.unexported = true
	default:
		r.add(l, sf, tag)
	}
	return next
}

// embed adds the struct that a field embeds to the level below.
func (r *structReader) embed(l level, sf reflect.StructField, path string, next []level) []level {
	inner := embeddedStruct(sf)
	if pemTypes[sf.Type] || byPointer[inner] {
		r.faults = append(r.faults, fault{typeName(r.typ), fmt.Sprintf(
			"embeds %s, which PEM text decodes as a whole; give it a field name, or a key by a tag", sf.Type)})
		return next
	}
	if method := ownMethod(inner); method != "" {
		r.faults = append(r.faults, fault{typeName(r.typ), fmt.Sprintf(
			"embeds %s, whose %s method is not called, since %s hides it or embeds another type that has one; give %s a field name, or give %[3]s an %[2]s method of its own",
			inner, method, typeName(r.typ), path)})
	}
	at := slices.IndexFunc(next, func(n level) bool { return n.typ == inner })
	if at < 0 {
		at = len(next)
		next = append(next, level{typ: inner})
	}
	for _, w := range l.ways {
		if len(next[at].ways) == 2 {
			break
		}
		w := way{append(slices.Clip(w.index), sf.Index[0]), w.path + sf.Name + ".", w.stuck}
		if !sf.IsExported() && sf.Type.Kind() == reflect.Pointer {
			w.stuck = sf.Type
		}
		next[at].ways = append(next[at].ways, w)
	}
	return next
}

// ownMethod returns the name of the method by which values of type t decode themselves, or
// "".
func ownMethod(t reflect.Type) string {
	for _, method := range []string{unmarshalJSON, unmarshalText} {
		if decodes(t, method) {
			return method
		}
	}
	return ""
}

// readHidden reads an unexported field with a tag. That is allowed only for an embedded
// struct that decodes field by field.
func (r *structReader) readHidden(l level, sf reflect.StructField, path string, tag fieldTag) {
	inner := embeddedStruct(sf)
	switch {
	case inner == nil || sf.Type.Kind() == reflect.Pointer || pemTypes[inner]:
		r.fault(path, fmt.Sprintf(`has the tag json:%q but is unexported, so that nothing can set it; export it, or tag it json:"-"`, tag.text))
	case ownMethod(inner) != "":
		r.fault(path, fmt.Sprintf("is unexported, so that the %s method of %s cannot be called; give it an exported name", ownMethod(inner), inner))
	}
	r.add(l, sf, tag)
}

// add records a field that has a key, once for each way to it.
func (r *structReader) add(l level, sf reflect.StructField, tag fieldTag) {
	f := field{
		name: tag.name, goName: sf.Name, typ: sf.Type,
		// A pointer to a certificate or a key is not optional, since these types are used
		// only by pointer.
		optional: tag.optional || sf.Type.Kind() == reflect.Pointer && !pemTypes[sf.Type],
		quoted:   tag.quoted && isScalar(sf.Type),
		tagged:   tag.name != "", hidden: !sf.IsExported(),
	}
	if f.name == "" {
		f.name = sf.Name
	}
	for _, w := range l.ways {
		f.index, f.path, f.stuck = append(slices.Clip(w.index), sf.Index[0]), w.path+sf.Name, w.stuck
		r.found = append(r.found, f)
	}
}

// fault records the fault of the field at path.
func (r *structReader) fault(path, trouble string) {
	r.faults = append(r.faults, fault{"the field " + path + " of " + typeName(r.typ), trouble})
}

// fields returns the fields that get the values of their keys, and the faults that would
// leave a field empty. As in encoding/json, the least deeply embedded field of a key gets
// the value. Another field with the same key is a fault, unless it is shadowed in Go too,
// because a less deeply embedded field has its name.
func (r *structReader) fields() ([]field, []fault) {
	var fields []field
	faults := r.faults
	stuck := map[reflect.Type]bool{}
	for i, f := range r.found {
		if slices.ContainsFunc(r.found[:i], func(g field) bool { return g.name == f.name }) {
			continue // judged together with the first field of this key
		}
		fields = append(fields, f)
		if at := slices.IndexFunc(r.found[i+1:], func(g field) bool { return r.clash(f, g) }); at >= 0 {
			faults = append(faults, r.clashOf(f, r.found[i+1+at]))
		}
		if f.stuck != nil && !stuck[f.stuck] {
			stuck[f.stuck] = true
			faults = append(faults, fault{typeName(r.typ), fmt.Sprintf(
				"embeds %s, a pointer to an unexported type, which nothing can set, so that %s stays empty; embed it by value, or export the type", f.stuck, f.path)})
		}
	}
	if len(fields) == 0 && len(faults) == 0 && r.unexported {
		faults = []fault{{typeName(r.typ), "has no field that JSON can set: all are unexported or without a key; export them, or give the type an UnmarshalJSON method"}}
	}
	return fields, faults
}

// clash reports whether g would stay empty, or leave f empty, because it has f's
// key.
func (r *structReader) clash(f, g field) bool {
	if f.name != g.name {
		return false
	}
	depth := len(g.index) - 1
	return len(f.index) == len(g.index) || r.shallowest[g.goName] == depth
}

func (r *structReader) clashOf(f, g field) fault {
	loser, remedy := "neither is filled", `give one another key, or tag it json:"-"`
	switch {
	case len(f.index) < len(g.index):
		loser = g.path + " stays empty"
		remedy += fmt.Sprintf(", or rename %s to %s, which shadows the other", f.path, g.goName)
	case f.tagged && !g.tagged:
		loser = g.path + " stays empty"
	case g.tagged && !f.tagged:
		loser = f.path + " stays empty"
	}
	return fault{
		fmt.Sprintf("the fields %s and %s of %s", f.path, g.path, typeName(r.typ)),
		fmt.Sprintf("have the same key %q, so that %s; %s", f.name, loser, remedy),
	}
}
