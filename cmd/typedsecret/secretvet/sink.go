package secretvet

import (
	"go/types"
	"reflect"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// A sinkRef says which function shows a value, and how.
type sinkRef struct {
	Name  string
	Class class
	Mode  mode
	Where string // of the call, if another function makes it
}

// A class is where others see what is shown.
type class string

const (
	classLog      class = "log"
	classError    class = "error"
	classPanic    class = "panic"
	classTest     class = "test's log"
	classTrace    class = "trace"
	classResponse class = "response"
)

// A mode is the way in which a value becomes text, and so the methods that can hide it.
type mode uint8

const (
	asText  mode = iota // by fmt
	asAttr              // by a slog.Handler
	asJSON              // by encoding/json
	asPanic             // by the runtime
)

// unboxed returns the value that an interface was made of.
func unboxed(v ssa.Value) ssa.Value {
	for {
		switch i := v.(type) {
		case *ssa.MakeInterface:
			v = i.X
		case *ssa.ChangeInterface:
			v = i.X
		default:
			return v
		}
	}
}

// text returns what the text of a value holds.
func (u *unit) text(v ssa.Value, m mode) taint {
	v = unboxed(v)
	t := taint{}
	for p := range u.read(v) {
		if u.visible(v.Type(), p.path, m) {
			t[pair{"", p.from}] = true
		}
	}
	return t
}

// visible reports whether the text of a value of type t holds what lies at p.
func (u *unit) visible(t types.Type, p path, m mode) bool {
	top, exported := true, true
	for {
		if types.IsInterface(t) || isTypeParam(t) {
			return true
		}
		if exported {
			if hidden, known := u.methods(t, p, m); known {
				return !hidden
			}
		}
		if m == asPanic {
			b, ok := t.Underlying().(*types.Basic)
			return ok && b.Info()&types.IsString != 0
		}
		if ptr, ok := t.Underlying().(*types.Pointer); ok {
			if !top && m == asText {
				return false // fmt prints the address
			}
			t = ptr.Elem()
			top = false
			continue
		}
		if p == "" {
			return printable(t)
		}
		var first path
		first, p = cut(p)
		switch s := t.Underlying().(type) {
		case *types.Struct:
			f, tag := fieldOf(s, strings.TrimPrefix(first, "."))
			if f == nil || (m == asJSON && unseen(f, tag)) {
				return false
			}
			exported = exported && f.Exported()
			t = f.Type()
		case *types.Signature:
			return false
		case *types.Map:
			t = s.Elem()
			if first == keysPath {
				t = s.Key()
			}
		case interface{ Elem() types.Type }:
			t = s.Elem()
		default:
			return true
		}
		top = false
	}
}

func printable(t types.Type) bool {
	switch t.Underlying().(type) {
	case *types.Signature, *types.Chan:
		return false
	}
	return true
}

func isTypeParam(t types.Type) bool {
	_, ok := types.Unalias(t).(*types.TypeParam)
	return ok
}

func fieldOf(s *types.Struct, name string) (*types.Var, string) {
	for i := range s.NumFields() {
		if s.Field(i).Name() == name {
			return s.Field(i), s.Tag(i)
		}
	}
	return nil, ""
}

// unseen reports whether encoding/json leaves a field out.
func unseen(f *types.Var, tag string) bool {
	return !f.Exported() && !f.Embedded() || reflect.StructTag(tag).Get("json") == "-"
}

// methods reports whether methods of t make its text, and if so whether they hide what
// lies at p.
func (u *unit) methods(t types.Type, p path, m mode) (hidden, known bool) {
	reveals := func(names ...string) (revealed, has bool) {
		for _, name := range names {
			if f := methodOf(t, name); f != nil {
				return u.reveals(f, p), true
			}
		}
		return false, false
	}
	if sealed(t) {
		return true, true
	}
	switch m {
	case asText, asPanic:
		if methodOf(t, "Format") != nil && m == asText {
			return true, true // it is examined itself: what it writes is seen
		}
		r, has := reveals("Error", "String")
		return !r, has
	case asJSON:
		r, has := reveals("MarshalJSON", "MarshalText")
		return !r, has
	default:
		if methodOf(t, "LogValue") != nil {
			return true, true // it is examined itself
		}
		j, hasJSON := reveals("MarshalJSON", "MarshalText", "Error")
		x, hasText := reveals("MarshalText", "Error", "String")
		if methodOf(t, "Format") != nil {
			hasText = true
		}
		return hasJSON && hasText && !j && !x, hasJSON && hasText
	}
}

// methodOf returns a method that a value of type t has, as fmt would find it.
func methodOf(t types.Type, name string) *types.Func {
	obj, _, _ := types.LookupFieldOrMethod(t, false, nil, name)
	f, _ := obj.(*types.Func)
	return f
}

// reveals reports whether the text that a method returns holds what lies at p in its
// receiver.
func (u *unit) reveals(f *types.Func, p path) bool {
	if list := moves[funcName(f)]; list != nil {
		_, _, ok := within(p, list[0].from)
		return ok
	}
	s := u.summaryOf(f)
	if s == nil {
		return f.Pkg() != nil && isStandard(f.Pkg().Path())
	}
	if len(s.Results) == 0 {
		return false
	}
	for _, w := range s.Results[0] {
		if w.From.secret() {
			return true
		}
		if w.From.Kind != ofParam || w.From.Param != 0 {
			continue
		}
		_, _, deeper := within(p, w.From.Path)
		if deeper {
			return true
		}
	}
	return false
}

// show follows a value to a sink: a secret is reported, a parameter is noted for callers.
// arg is the number of the argument that the value is, or -1.
func (u *unit) show(at ssa.Instruction, v ssa.Value, to sinkRef, arg int) {
	u.showTaint(at, u.text(v, to.Mode), to, arg)
}

func (u *unit) showTaint(at ssa.Instruction, t taint, to sinkRef, arg int) {
	var best *origin
	for _, p := range t.sorted() {
		switch {
		case p.from.Kind == ofParam:
			u.noteSink(at, p.from, to)
		case p.from.secret() && best == nil:
			best = p.from
		}
	}
	if best != nil && u.final {
		u.k.found(at, best, to, arg)
	}
}

func (u *unit) noteSink(at ssa.Instruction, from *origin, to sinkRef) {
	if to.Where == "" {
		to.Where = u.k.where(position(at))
	}
	for _, s := range u.sum.Sinks {
		if s.Param == from.Param && s.Path == from.Path && s.Sink.Class == to.Class {
			return
		}
	}
	u.sum.Sinks = append(u.sum.Sinks, sinkFlow{Param: from.Param, Path: from.Path, Sink: to})
	u.changed = true
}

// showResults follows what a function value returns to a sink.
func (u *unit) showResults(at ssa.Instruction, f ssa.Value, to sinkRef) {
	for _, fn := range u.functionsIn(f) {
		for _, t := range u.returns[fn.fn] {
			u.showTaint(at, t.flat(), to, -1)
		}
	}
}

// write follows a value into a writer: it is shown if others see the writer's text, and
// in the writer if not.
func (u *unit) write(at ssa.Instruction, w ssa.Value, t taint, to sinkRef, arg int) {
	if len(t) == 0 {
		return
	}
	if o := u.read(w).writer(); o != nil {
		to.Class = class(o.What)
		u.showTaint(at, t, to, arg)
		return
	}
	p := u.placeOf(w)
	if f := methodOf(p.root.value.Type(), "Write"); f != nil && p.path == "" {
		if s := u.summaryOf(f); s != nil {
			u.showWritten(at, f, s, t, arg)
		}
	}
	u.assign(p, t, nil, at)
}

// showWritten follows a value into a writer of the program, which may log what is written.
func (u *unit) showWritten(at ssa.Instruction, write *types.Func, s *summary, t taint, arg int) {
	for _, k := range s.Sinks {
		if k.Param == 1 {
			u.showTaint(at, t, u.through(k.Sink, write), arg)
		}
	}
}
