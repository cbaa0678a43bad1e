package secretvet

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// A target is a function that a call may reach, with the arguments that it gets there: a
// method's receiver is the first.
type target struct {
	fn     *ssa.Function // a literal of the unit, or nil
	obj    *types.Func
	args   []ssa.Value
	method bool
}

// plain returns the arguments without a receiver.
func (t target) plain() []ssa.Value {
	if t.method {
		return t.args[1:]
	}
	return t.args
}

// number returns which argument in the source a flow comes from, or -1.
func (t target) number(from origin) int {
	switch {
	case from.Kind != ofParam:
		return -1
	case t.method:
		return from.Param - 1
	}
	return from.Param
}

// callee returns the function or method that a call names, or nil.
func callee(c *ssa.CallCommon) *types.Func {
	if c.IsInvoke() {
		return c.Method
	}
	if f := c.StaticCallee(); f != nil {
		obj, _ := f.Object().(*types.Func)
		return obj
	}
	return nil
}

// wrapped returns the argument that the result of a call is a view of, or nil.
func wrapped(c *ssa.Call) ssa.Value {
	f := callee(&c.Call)
	if f == nil {
		return nil
	}
	n, ok := wrappers[funcName(f)]
	if !ok {
		return nil
	}
	if c.Call.IsInvoke() {
		return c.Call.Value
	}
	if n < len(c.Call.Args) {
		return c.Call.Args[n]
	}
	return nil
}

func (u *unit) targets(c *ssa.CallCommon) []target {
	if c.IsInvoke() {
		return []target{{obj: c.Method, args: append([]ssa.Value{c.Value}, c.Args...), method: true}}
	}
	var all []target
	for _, f := range u.functionsIn(c.Value) {
		f.args = append(f.args, c.Args...)
		all = append(all, f)
	}
	return all
}

// functionsIn returns the functions that a value may be, each with the receiver that it is
// bound to.
func (u *unit) functionsIn(v ssa.Value) []target {
	return u.findFunctions(v, map[ssa.Value]bool{})
}

func (u *unit) findFunctions(v ssa.Value, seen map[ssa.Value]bool) []target {
	if seen[v] {
		return nil
	}
	seen[v] = true
	switch v := v.(type) {
	case *ssa.Function:
		return u.function(v, nil)
	case *ssa.MakeClosure:
		return u.function(v.Fn.(*ssa.Function), v.Bindings)
	case *ssa.Phi:
		var all []target
		for _, e := range v.Edges {
			all = append(all, u.findFunctions(e, seen)...)
		}
		return all
	case *ssa.ChangeType:
		return u.findFunctions(v.X, seen)
	}
	p := u.placeOf(v)
	if p.root.value != v && p.path == "" { // a view of another function
		if all := u.findFunctions(p.root.value, seen); len(all) > 0 {
			return all
		}
	}
	var all []target
	for _, f := range u.k.functions[spot{p.root, p.path}] {
		all = append(all, u.findFunctions(f, seen)...)
	}
	return all
}

// parametersIn returns the parameters that the function value v may be.
func (u *unit) parametersIn(v ssa.Value) []*ssa.Parameter {
	var all []*ssa.Parameter
	seen := map[ssa.Value]bool{}
	var find func(v ssa.Value)
	find = func(v ssa.Value) {
		p := u.placeOf(v)
		if seen[v] || p.path != "" {
			return
		}
		seen[v] = true
		if f, ok := p.root.value.(*ssa.Parameter); ok {
			all = append(all, f)
		}
		for _, f := range u.k.functions[spot{p.root, ""}] {
			find(f)
		}
	}
	find(v)
	return all
}

func (u *unit) function(f *ssa.Function, bound []ssa.Value) []target {
	if _, ours := u.returns[f]; ours && f != u.fn {
		return []target{{fn: f}}
	}
	obj, _ := f.Object().(*types.Func)
	if obj == nil {
		return nil
	}
	// The receiver of a method expression is an argument like others.
	expression := strings.HasPrefix(f.Synthetic, "thunk")
	t := target{obj: obj, method: obj.Signature().Recv() != nil && !expression}
	if strings.HasPrefix(f.Synthetic, "bound method") {
		t.args = slices.Clone(bound)
	}
	return []target{t}
}

// passedOut returns what the callers of a function value get.
func (u *unit) passedOut(v ssa.Value) taint {
	out := taint{}
	for _, t := range u.functionsIn(v) {
		if t.fn != nil {
			for n, r := range u.returns[t.fn] {
				out.merge(r.under(resultOf(n)))
			}
			out.merge(u.yields[t.fn])
			continue
		}
		if givers[funcName(t.obj)] {
			o := u.k.intern(origin{Kind: ofCall, What: shortName(t.obj), Where: u.k.where(v.Pos())})
			for _, p := range u.k.spread(v.Type().Underlying().(*types.Signature).Results().At(0).Type(), 3) {
				out[pair{resultOf(0) + p, o}] = true
			}
		}
		if s := u.summaryOf(t.obj); s != nil && !hides(t.obj.Name()) {
			for n, list := range s.Results {
				for _, f := range list {
					if f.From.secret() || f.From.Param < len(t.args) {
						out.merge(u.flowing(t.args, f).under(resultOf(n)))
					}
				}
			}
		}
	}
	return out
}

// elements returns the arguments in the slice of a variadic parameter, or nil if v is no
// such slice.
func elements(v ssa.Value) []ssa.Value {
	s, ok := v.(*ssa.Slice)
	if !ok {
		return nil
	}
	a, ok := s.X.(*ssa.Alloc)
	if !ok || a.Comment != "varargs" {
		return nil
	}
	var parts []ssa.Value
	for _, r := range *a.Referrers() {
		at, ok := r.(*ssa.IndexAddr)
		if !ok {
			continue
		}
		for _, w := range *at.Referrers() {
			if w, ok := w.(*ssa.Store); ok {
				parts = append(parts, w.Val)
			}
		}
	}
	return parts
}

// expression returns the source of a call's argument n, or of what is called if n is -1.
func (k *checker) expression(at ssa.Instruction, n int) ast.Expr {
	c := k.calls[position(at)]
	if c == nil {
		return nil
	}
	if n < 0 {
		return c.Fun
	}
	if n < len(c.Args) {
		return c.Args[n]
	}
	return nil
}
