package secretvet

import "go/types"

// mayImplement reports whether a type, or a pointer to it, has the methods of an interface for
// some type arguments of either.
func mayImplement(n *types.Named, iface *types.Interface) bool {
	ptr := types.NewPointer(n)
	if n.TypeParams().Len() == 0 && types.Implements(ptr, iface) {
		return true
	}
	bound := unifier{}
	for m := range iface.Methods() {
		obj, _, _ := types.LookupFieldOrMethod(ptr, false, m.Pkg(), m.Name())
		f, ok := obj.(*types.Func)
		if !ok || !bound.same(f.Signature(), m.Signature()) {
			return false
		}
	}
	return iface.NumMethods() > 0
}

// A unifier holds the types for which type parameters stand.
type unifier map[*types.TypeParam]types.Type

// same reports whether two types are the same for some types in place of their type parameters.
func (u unifier) same(x, y types.Type) bool {
	x, y = types.Unalias(x), types.Unalias(y)
	if p, ok := x.(*types.TypeParam); ok {
		return u.bind(p, y)
	}
	if p, ok := y.(*types.TypeParam); ok {
		return u.bind(p, x)
	}
	switch x := x.(type) {
	case *types.Signature:
		y, ok := y.(*types.Signature)
		return ok && x.Variadic() == y.Variadic() && u.same(x.Params(), y.Params()) && u.same(x.Results(), y.Results())
	case *types.Tuple:
		y, ok := y.(*types.Tuple)
		if !ok || x.Len() != y.Len() {
			return false
		}
		for i := range x.Len() {
			if !u.same(x.At(i).Type(), y.At(i).Type()) {
				return false
			}
		}
		return true
	case *types.Named:
		y, ok := y.(*types.Named)
		if !ok || x.Origin() != y.Origin() || x.TypeArgs().Len() != y.TypeArgs().Len() {
			return false
		}
		for i := range x.TypeArgs().Len() {
			if !u.same(x.TypeArgs().At(i), y.TypeArgs().At(i)) {
				return false
			}
		}
		return true
	case *types.Map:
		y, ok := y.(*types.Map)
		return ok && u.same(x.Key(), y.Key()) && u.same(x.Elem(), y.Elem())
	case *types.Chan:
		y, ok := y.(*types.Chan)
		return ok && x.Dir() == y.Dir() && u.same(x.Elem(), y.Elem())
	case *types.Array:
		y, ok := y.(*types.Array)
		return ok && x.Len() == y.Len() && u.same(x.Elem(), y.Elem())
	case *types.Slice:
		y, ok := y.(*types.Slice)
		return ok && u.same(x.Elem(), y.Elem())
	case *types.Pointer:
		y, ok := y.(*types.Pointer)
		return ok && u.same(x.Elem(), y.Elem())
	}
	return types.Identical(x, y)
}

// bind says that p stands for t, if it stands for nothing else.
func (u unifier) bind(p *types.TypeParam, t types.Type) bool {
	old := u[p]
	if old == nil {
		u[p] = t
		return true
	}
	return old == t || types.Identical(old, t)
}
