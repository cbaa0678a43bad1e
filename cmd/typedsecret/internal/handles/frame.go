package handles

import (
	"go/ast"
	"go/types"
)

// A frame is one call of a function, as far as it is known. It gives parameters their values.
type frame struct {
	place
	call   *ast.CallExpr // nil if the call is not known
	caller *frame        // where the call stands; nil if it is not known
	types  map[*types.TypeParam]types.Type

	// isClosed says that the callers are not looked for, so parameters are holes for good.
	isClosed bool
}

// within returns the frame with c as the call of its outermost function.
func (f *frame) within(c call) *frame {
	g := *f
	if f.caller != nil {
		g.caller = f.caller.within(c)
		return &g
	}
	g.call, g.caller = c.expr, &frame{place: c.place}
	g.types = typeArguments(c, f.in)
	return &g
}

func (f *frame) outermost() *frame {
	for f.caller != nil {
		f = f.caller
	}
	return f
}

// has reports whether the function is in one of the frames.
func (f *frame) has(fn *function) bool {
	for ; f != nil; f = f.caller {
		if f.in == fn && fn != nil {
			return true
		}
	}
	return false
}

func (f *frame) depth() (n int) {
	for ; f.caller != nil; f = f.caller {
		n++
	}
	return n
}

// typeArguments returns the type arguments that a call gives to fn: those of the function, or
// of the type whose method it is.
func typeArguments(c call, fn *function) map[*types.TypeParam]types.Type {
	args := map[*types.TypeParam]types.Type{}
	bind := func(params *types.TypeParamList, list *types.TypeList) {
		for i := range min(params.Len(), list.Len()) {
			args[params.At(i)] = list.At(i)
		}
	}
	info, sig := c.pkg.TypesInfo, fn.obj.Signature()
	if id := calleeIdent(c.expr.Fun); id != nil {
		bind(sig.TypeParams(), info.Instances[id].TypeArgs)
	}
	if sel, ok := ast.Unparen(c.expr.Fun).(*ast.SelectorExpr); ok && sig.Recv() != nil {
		if m, ok := info.Selections[sel]; ok {
			if named, ok := types.Unalias(deref(m.Recv())).(*types.Named); ok {
				bind(sig.RecvTypeParams(), named.TypeArgs())
			}
		}
	}
	return args
}

// resolve returns t with the type arguments of the frames in place of type parameters. It
// reports false if some are not known.
func (f *frame) resolve(t types.Type) (_ types.Type, ok bool) {
	ok = true
	resolved := substitute(t, func(p *types.TypeParam) types.Type {
		for at := f; at != nil; at = at.caller {
			arg, found := at.types[p]
			if !found {
				continue
			}
			if at.caller == nil {
				return arg
			}
			arg, known := at.caller.resolve(arg)
			ok = ok && known
			return arg
		}
		ok = false
		return p
	})
	return resolved, ok
}

// substitute returns t with other types in place of its type parameters.
func substitute(t types.Type, arg func(*types.TypeParam) types.Type) types.Type {
	switch t := t.(type) {
	case *types.TypeParam:
		return arg(t)
	case *types.Alias:
		return substitute(types.Unalias(t), arg)
	case *types.Pointer:
		return types.NewPointer(substitute(t.Elem(), arg))
	case *types.Slice:
		return types.NewSlice(substitute(t.Elem(), arg))
	case *types.Array:
		return types.NewArray(substitute(t.Elem(), arg), t.Len())
	case *types.Map:
		return types.NewMap(substitute(t.Key(), arg), substitute(t.Elem(), arg))
	case *types.Struct:
		fields, tags := make([]*types.Var, t.NumFields()), make([]string, t.NumFields())
		for i := range fields {
			f := t.Field(i)
			fields[i] = types.NewField(f.Pos(), f.Pkg(), f.Name(), substitute(f.Type(), arg), f.Embedded())
			tags[i] = t.Tag(i)
		}
		return types.NewStruct(fields, tags)
	case *types.Named:
		if t.TypeArgs().Len() == 0 {
			return t
		}
		args := make([]types.Type, t.TypeArgs().Len())
		for i := range args {
			args[i] = substitute(t.TypeArgs().At(i), arg)
		}
		if made, err := types.Instantiate(nil, t.Origin(), args, false); err == nil {
			return made
		}
	}
	return t
}
