package secretvet

import (
	"fmt"
	"go/constant"
	"go/token"
	"go/types"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// A root is a value that is not part of another: a variable, a parameter, or a result of a
// call.
type root struct {
	value ssa.Value
	index int // of the result
}

// A spot is what a place compares by.
type spot struct {
	root root
	path path
}

// A place is a value as part of a root: p.Password of p. Conversions, slices and pointers
// of a value have the value's place.
type place struct {
	root  root
	path  path
	steps []step
	// load is the instruction that reads the root's memory, if there is one.
	load ssa.Instruction
}

// A step is the choice of a field on the way from the root.
type step struct {
	owner  types.Type
	field  *types.Var
	before path // the path of the struct
}

func (p *place) in(owner types.Type, field int) *place {
	s := structOf(owner)
	if s == nil {
		return p
	}
	f := s.Field(field)
	steps := append(p.steps[:len(p.steps):len(p.steps)], step{owner, f, p.path})
	return &place{p.root, join(p.path, fieldPath(f.Name())), steps, p.load}
}

func (p *place) at(segment path) *place {
	return &place{p.root, join(p.path, segment), p.steps, p.load}
}

func (p *place) loaded(by ssa.Instruction) *place {
	if p.load != nil {
		return p
	}
	return &place{p.root, p.path, p.steps, by}
}

// placeOf finds the place of a value.
func (u *unit) placeOf(v ssa.Value) *place {
	if p := u.places[v]; p != nil {
		return p
	}
	p := u.findPlace(v)
	u.places[v] = p
	return p
}

func (u *unit) findPlace(v ssa.Value) *place {
	switch v := v.(type) {
	case *ssa.FieldAddr:
		return u.placeOf(v.X).in(v.X.Type(), v.Field)
	case *ssa.Field:
		return u.placeOf(v.X).in(v.X.Type(), v.Field)
	case *ssa.IndexAddr:
		return u.placeOf(v.X).at(u.element(v.X, v.Index))
	case *ssa.Index:
		return u.placeOf(v.X).at("[]")
	case *ssa.Lookup:
		if k := key(v.Index); !plainName(strings.Trim(k, "[]")) {
			return u.placeOf(v.X).at(k)
		}
	case *ssa.UnOp:
		switch v.Op {
		case token.MUL:
			return u.placeOf(v.X).loaded(v)
		case token.ARROW:
			return u.placeOf(v.X).at("[]")
		}
	case *ssa.Slice:
		return u.placeOf(v.X)
	case *ssa.ChangeType:
		return u.placeOf(v.X)
	case *ssa.Convert:
		return u.placeOf(v.X)
	case *ssa.MultiConvert:
		return u.placeOf(v.X)
	case *ssa.ChangeInterface:
		return u.placeOf(v.X)
	case *ssa.MakeInterface:
		return u.placeOf(v.X)
	case *ssa.SliceToArrayPointer:
		return u.placeOf(v.X)
	case *ssa.TypeAssert:
		return u.placeOf(v.X)
	case *ssa.Extract:
		return u.findPart(v)
	case *ssa.FreeVar:
		if b := u.bindings[v]; b != nil {
			return u.placeOf(b)
		}
	case *ssa.Call:
		if arg := wrapped(v); arg != nil {
			return u.placeOf(arg)
		}
	}
	return &place{root: root{v, 0}}
}

// findPart finds the place of one of several results.
func (u *unit) findPart(v *ssa.Extract) *place {
	switch t := v.Tuple.(type) {
	case *ssa.Next:
		if r, ok := t.Iter.(*ssa.Range); ok && v.Index == 2 {
			return u.placeOf(r.X).at("[]")
		}
		if r, ok := t.Iter.(*ssa.Range); ok && !t.IsString && v.Index == 1 {
			return u.placeOf(r.X).at(keysPath)
		}
	case *ssa.TypeAssert, *ssa.Lookup, *ssa.UnOp:
		if v.Index == 0 {
			return u.placeOf(t)
		}
	case *ssa.Select:
		n := 2
		for _, s := range t.States {
			if s.Dir != types.RecvOnly {
				continue
			}
			if n == v.Index {
				return u.placeOf(s.Chan).at("[]")
			}
			n++
		}
	}
	return &place{root: root{v.Tuple, v.Index}}
}

// element returns the segment of an element of a list or a map. Each argument of a variadic call has
// a segment of its own.
func (u *unit) element(of, index ssa.Value) path {
	if a, ok := of.(*ssa.Alloc); ok && a.Comment == "varargs" {
		return key(index)
	}
	return "[]"
}

// key returns the segment of a constant key, "[]" of another one.
func key(index ssa.Value) path {
	if m, ok := index.(*ssa.MakeInterface); ok {
		index = m.X
	}
	c, ok := index.(*ssa.Const)
	if !ok || c.Value == nil {
		return "[]"
	}
	if c.Value.Kind() == constant.String {
		return keyPath(constant.StringVal(c.Value))
	}
	return keyPath(c.Value.ExactString())
}

// read returns what a value may hold.
func (u *unit) read(v ssa.Value) taint {
	switch v.(type) {
	case *ssa.Const, *ssa.Builtin:
		return nil
	}
	return u.readPlace(u.placeOf(v), v.Type())
}

// resultOf is the path of what a function value returns as its result n.
func resultOf(n int) path { return fmt.Sprintf("[(=%d)]", n) }

// argumentOf is the path of the argument n that a function value passes to a function that it
// is given, as an iterator does.
func argumentOf(n int) path { return fmt.Sprintf("[(%d)]", n) }

func (u *unit) readPlace(p *place, t types.Type) taint {
	seen := taint{}
	if sealed(t) {
		return seen
	}
	for q := range u.rootTaint(p.root) {
		s, ok := u.k.seenAt(q, p.path)
		if !ok || u.hidden(p, q.path) || p.load != nil && u.overwritten(p.root, q.path, p.load) {
			continue
		}
		seen[s] = true
	}
	if i, ok := u.param(p.root); ok && !u.publicOnWay(p) {
		seen[pair{"", u.k.intern(origin{Kind: ofParam, Param: i, Path: p.path})}] = true
	}
	if u.open(p.root) {
		seen.merge(u.k.typePairs(t))
		if p.path == "" { // t may be the type of a view
			seen.merge(u.k.typePairs(p.root.value.Type()))
		}
		u.readSteps(p, seen)
	}
	return seen
}

// rootTaint returns what was stored in a root.
func (u *unit) rootTaint(r root) taint {
	switch v := r.value.(type) {
	case *ssa.Global:
		return u.k.global(v)
	case *ssa.Function, *ssa.MakeClosure:
		return u.passedOut(v)
	}
	return u.taints[r]
}

// readSteps adds what the types and fields on the way to a place say of it.
func (u *unit) readSteps(p *place, seen taint) {
	if u.publicOnWay(p) {
		clear(seen)
		return
	}
	for _, s := range p.steps {
		if u.k.secretType(s.owner) {
			if n := named(s.owner); u.k.holds(s.owner, s.field) {
				seen[pair{"", u.k.typeOrigin(n, fieldPath(s.field.Name()))}] = true
			}
			continue
		}
		if secret := sdkSecrets[typeName(named(s.owner))]; secret != nil {
			seen[pair{"", u.k.typeOrigin(named(s.owner), fieldPath(s.field.Name()))}] = true
		}
		if o := u.k.fieldOrigin(s.owner, s.field); o != nil {
			seen[pair{"", o}] = true
		}
	}
}

func (u *unit) publicOnWay(p *place) bool {
	for _, s := range p.steps {
		if u.k.publicField(s.owner, s.field) && !u.k.secretType(s.field.Type()) {
			return true
		}
	}
	return false
}

// hidden reports whether data at the path stored is out of sight from p, since p leads
// into a public field of it.
func (u *unit) hidden(p *place, stored path) bool {
	for _, s := range p.steps {
		if len(s.before) >= len(stored) && u.k.publicField(s.owner, s.field) {
			return true
		}
	}
	return false
}

// param returns the number of a root that is a parameter of the unit's function.
func (u *unit) param(r root) (int, bool) {
	v, ok := r.value.(*ssa.Parameter)
	if !ok || v.Parent() != u.fn {
		return 0, false
	}
	for i, p := range u.fn.Params {
		if p == v {
			return i, true
		}
	}
	return 0, false
}

// open reports whether a root came from elsewhere, so that its type alone says what is in
// it. A root that the function makes has in it only what the function puts there.
func (u *unit) open(r root) bool {
	switch v := r.value.(type) {
	case *ssa.Alloc:
		return u.filled[v]
	case *ssa.Call: // a function of this package tells what it gives
		f := callee(&v.Call)
		return f == nil || u.k.byFunc[f.Origin()] == nil && !hides(f.Name())
	case *ssa.MakeMap, *ssa.MakeSlice, *ssa.MakeChan, *ssa.Const, *ssa.BinOp, *ssa.MakeClosure, *ssa.Phi:
		return false
	}
	return true
}

// overwritten reports whether what lies at p in r is replaced by something harmless on
// every way to the instruction at.
func (u *unit) overwritten(r root, p path, at ssa.Instruction) bool {
	for _, clean := range u.cleanings[r] {
		if !covers(clean.path, p) || !precedes(clean.at, at) {
			continue
		}
		last := true
		for _, w := range u.writes[r] {
			if (covers(w.path, p) || covers(p, w.path)) && !precedes(w.at, clean.at) {
				last = false
			}
		}
		if last {
			return true
		}
	}
	return false
}

// covers reports whether q lies in p, and p is one place.
func covers(p, q path) bool {
	for p != "" {
		if q == "" {
			return false
		}
		var ps, qs path
		ps, p = cut(p)
		qs, q = cut(q)
		if ps != qs || ps == "[]" {
			return false
		}
	}
	return true
}

// precedes reports whether a runs before b on every way to b.
func precedes(a, b ssa.Instruction) bool {
	if a == nil || b == nil || a.Parent() != b.Parent() {
		return false
	}
	if a.Block() != b.Block() {
		return a.Block().Dominates(b.Block())
	}
	for _, i := range a.Block().Instrs {
		switch i {
		case a:
			return true
		case b:
			return false
		}
	}
	return false
}
