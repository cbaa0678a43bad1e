package secretvet

import (
	"go/types"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// implementations returns the methods that a call of an interface's method may reach, of
// types in this package and in those that it imports and that were examined.
func (u *unit) implementations(m *types.Func) []*types.Func {
	k := u.k
	if all, ok := k.implements[m]; ok {
		return all
	}
	iface, ok := m.Signature().Recv().Type().Underlying().(*types.Interface)
	var all []*types.Func
	if ok && m.Pkg() != nil && !isStandard(m.Pkg().Path()) && !describedOnly(m.Pkg().Path()) {
		all = methodsOf(k.pass.Pkg, iface, m)
		for _, p := range k.pass.Pkg.Imports() {
			if k.im.packages[p.Path()] {
				all = append(all, methodsOf(p, iface, m)...)
			}
		}
	}
	k.implements[m] = all
	return all
}

func methodsOf(p *types.Package, iface *types.Interface, m *types.Func) []*types.Func {
	var all []*types.Func
	for _, name := range p.Scope().Names() {
		t, ok := p.Scope().Lookup(name).(*types.TypeName)
		if !ok || types.IsInterface(t.Type()) || t.IsAlias() {
			continue
		}
		n, ok := t.Type().(*types.Named)
		if !ok || !mayImplement(n, iface) {
			continue
		}
		obj, _, _ := types.LookupFieldOrMethod(types.NewPointer(n), false, m.Pkg(), m.Name())
		if f, ok := obj.(*types.Func); ok {
			all = append(all, f)
		}
	}
	return all
}

// dispatch follows a call of an interface's method into its implementations: what one of
// them gives may be given, and what all of them show is shown.
func (u *unit) dispatch(i ssa.CallInstruction, t target) bool {
	if !types.IsInterface(t.obj.Signature().Recv().Type()) {
		return false
	}
	all := u.implementations(t.obj)
	var sums []*summary
	for _, f := range all {
		if s := u.summaryOf(f); s != nil {
			sums = append(sums, s)
		}
	}
	for n, s := range sums {
		given := &summary{Results: s.Results, Outs: s.Outs}
		if n == 0 {
			given.Calls = s.Calls
			given.Sinks = slices.DeleteFunc(slices.Clone(s.Sinks), func(k sinkFlow) bool {
				return slices.ContainsFunc(sums[1:], func(o *summary) bool { return !shows(o, k) })
			})
		}
		u.apply(i, t, given)
	}
	return slices.ContainsFunc(sums, func(s *summary) bool { return !s.empty() })
}

// shows reports whether a function shows what k says.
func shows(s *summary, k sinkFlow) bool {
	return slices.ContainsFunc(s.Sinks, func(o sinkFlow) bool { return o.Param == k.Param && o.Path == k.Path })
}
