package shape

import (
	"go/types"
	"reflect"
	"strings"
)

// A found is a field that has a key, as it is read from a struct.
type found struct {
	Field
	isHidden bool
	typ      types.Type
}

// A level is a struct that is embedded at one depth.
type level struct {
	typ      types.Type
	path     string // the names of the embedded fields, with dots
	pointers []string
}

// fields returns the keys of a struct: those of its own fields and, level by level, those of its
// embedded structs. The least deeply embedded field of a key gets the value.
func (r *reader) fields(t types.Type) []Field {
	all, known := []Field{}, map[string]bool{}
	var visited []types.Type
	for current := []level{{typ: t}}; len(current) > 0; {
		var next []level
		for _, l := range current {
			if contains(visited, l.typ) {
				continue
			}
			visited = append(visited, l.typ)
			st := l.typ.Underlying().(*types.Struct)
			for i := range st.NumFields() {
				f, inner := read(l, st.Field(i), st.Tag(i))
				switch {
				case inner != nil:
					if !hasLevel(next, inner.typ) {
						next = append(next, *inner)
					}
				case f != nil && !known[f.Key]:
					known[f.Key] = true
					if f.isHidden && isStruct(f.typ) {
						f.Shape = &Shape{Kind: Object, Name: nameOf(f.typ), Fields: r.fields(f.typ)}
					} else {
						f.Shape = r.shape(f.typ)
					}
					all = append(all, f.Field)
				}
			}
		}
		current = next
	}
	return all
}

func contains(list []types.Type, t types.Type) bool {
	for _, other := range list {
		if types.Identical(other, t) {
			return true
		}
	}
	return false
}

func hasLevel(list []level, t types.Type) bool {
	for _, other := range list {
		if types.Identical(other.typ, t) {
			return true
		}
	}
	return false
}

// read returns the key of a field, or the struct that it embeds.
func read(l level, v *types.Var, tag string) (*found, *level) {
	text, isTagged := reflect.StructTag(tag).Lookup("json")
	name, options, _ := strings.Cut(text, ",")
	inner := embedded(v)
	switch {
	case v.Name() == "_" || text == "-":
		return nil, nil
	case inner != nil && name == "":
		pointers := l.pointers
		if isPointer(v.Type()) {
			pointers = append(pointers[:len(pointers):len(pointers)], l.path+v.Name())
		}
		return nil, &level{inner, l.path + v.Name() + ".", pointers}
	case !v.Exported() && !isTagged:
		return nil, nil
	}
	f := &found{isHidden: !v.Exported(), typ: v.Type()}
	f.Key, f.Name, f.Pointers = name, l.path+v.Name(), l.pointers
	if f.Key == "" {
		f.Key = v.Name()
	}
	// A pointer to a certificate or a key is not optional.
	f.Optional = isPointer(v.Type()) && !isPEM(v.Type())
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "omitempty", "omitzero":
			f.Optional = true
		case "string":
			f.Quoted = isScalar(v.Type())
		}
	}
	return f, nil
}

// embedded returns the struct type that a field embeds, also by pointer, or nil.
func embedded(v *types.Var) types.Type {
	t := v.Type()
	if isPointer(t) {
		t = t.Underlying().(*types.Pointer).Elem()
	}
	if v.Embedded() && isStruct(t) {
		return types.Unalias(t)
	}
	return nil
}

// isScalar reports whether `,string` has an effect on a field of type t.
func isScalar(t types.Type) bool {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	return isNamed(t, library+".Redacted") || kindOf(t)&(types.IsString|types.IsBoolean|types.IsInteger|types.IsFloat) != 0
}
