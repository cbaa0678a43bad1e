package handles

import (
	"cmp"
	"go/ast"
	"go/types"
	"slices"
)

// A byID is a handle of NewByID, and the variable or field that holds it.
type byID struct {
	handle Handle
	prefix []Text
	obj    types.Object // nil if it is not known
	ids    []Text
}

// byIDMethods are the methods of a ByID whose argument at the index is an ID.
var byIDMethods = map[string]int{"Get": 1, "GetWithInfo": 1, "Refresh": 1, "Invalidate": 1, "Secret": 0}

// owner returns the variable or field that a call of NewByID is assigned to. Through a
// function of the program, it is the one that the outermost call is assigned to.
func (s *search) owner(c call, at *frame) types.Object {
	inner := ast.Expr(c.expr)
	for f := at; f.caller != nil; f = f.caller {
		inner = f.call
	}
	for _, e := range []ast.Expr{inner, c.expr} {
		for obj, defs := range s.defs {
			if slices.ContainsFunc(defs, func(d def) bool { return d.expr != nil && ast.Unparen(d.expr) == e }) {
				return obj
			}
		}
	}
	return nil
}

// nameByID finds the IDs that each ByID is asked for, and records the ByIDs as handles.
func (s *search) nameByID() {
	for f, calls := range s.calls {
		at, isMethod := byIDMethods[f.Name()]
		if !isMethod || !isOf(f, Library, "ByID", f.Name()) {
			continue
		}
		for _, c := range calls {
			sel, ok := ast.Unparen(c.expr.Fun).(*ast.SelectorExpr)
			if !ok || len(c.expr.Args) <= at {
				continue
			}
			s.expand(&frame{place: c.place}, func(in *frame) (isOpen bool) {
				ids := s.text(c.expr.Args[at], in)
				if slices.ContainsFunc(ids, Text.isOpen) && !in.outermost().isClosed {
					return true
				}
				for _, b := range s.askedBy(c, sel.X) {
					b.ids = append(b.ids, ids...)
				}
				return false
			})
		}
	}
	for _, b := range s.byID {
		ids := b.ids
		if len(ids) == 0 {
			ids = []Text{unknown("no call of the ByID's methods was found")}
		}
		slices.SortFunc(ids, func(a, b Text) int { return cmp.Compare(a.String(), b.String()) })
		b.handle.IDs = prefixed(b.prefix, distinct(ids))
		s.record(b.handle)
	}
}

// askedBy returns the ByIDs that an expression may be: the one in that variable, or all of
// the type.
func (s *search) askedBy(c call, receiver ast.Expr) (all []*byID) {
	obj := objectOf(c.pkg, receiver)
	for _, b := range s.byID {
		if obj != nil && b.obj == obj {
			all = append(all, b)
		}
	}
	if all != nil {
		return all
	}
	named, ok := types.Unalias(deref(c.pkg.TypesInfo.TypeOf(receiver))).(*types.Named)
	for _, b := range s.byID {
		if ok && named.TypeArgs().Len() == 1 && types.Identical(named.TypeArgs().At(0), b.handle.Type) {
			all = append(all, b)
		}
	}
	return all
}
