package handles

import (
	"go/ast"
	"go/token"
	"go/types"
)

// A choice is what the options of a handle are, and whether a parameter of the outermost
// function decides.
type choice struct {
	options []Option
	isOpen  bool
}

func (c *choice) add(more choice) {
	c.options = append(c.options, more.options...)
	c.isOpen = c.isOpen || more.isOpen
}

// options returns the options that the expressions, each an Option or the slice of them that
// an ellipsis follows, make.
func (s *search) options(list []ast.Expr, f *frame) (all choice) {
	for _, e := range list {
		all.add(s.option(e, f))
	}
	return all
}

// option returns the options of an expression, which is an Option or a slice of them.
func (s *search) option(e ast.Expr, f *frame) choice {
	switch e := ast.Unparen(e).(type) {
	case *ast.CallExpr:
		return s.optionCall(e, f)
	case *ast.CompositeLit:
		return s.options(e.Elts, f)
	case *ast.Ident, *ast.SelectorExpr, *ast.SliceExpr:
		if slice, ok := e.(*ast.SliceExpr); ok {
			return s.option(slice.X, f)
		}
		if id, ok := e.(*ast.Ident); ok && id.Name == "nil" {
			return choice{}
		}
		if obj := objectOf(f.pkg, e); obj != nil {
			return s.optionVariable(obj, e, f)
		}
	}
	return s.unknownOption(e, f)
}

func (s *search) unknownOption(e ast.Expr, f *frame) choice {
	return choice{options: []Option{{Source: source(f.pkg, e), Package: f.pkg}}}
}

func (s *search) optionVariable(obj types.Object, e ast.Expr, f *frame) choice {
	var all choice
	if i, isVariadic := parameterIndex(obj, f.in); i >= 0 {
		switch {
		case f.call == nil || f.caller == nil:
			unknown := s.unknownOption(e, f)
			unknown.isOpen = !f.isClosed
			all.add(unknown)
		case isVariadic && i < len(f.call.Args):
			all.add(s.options(f.call.Args[i:], f.caller))
		case i < len(f.call.Args):
			all.add(s.option(f.call.Args[i], f.caller))
		}
		if s.busy[obj] || len(s.defs[obj]) == 0 {
			return all
		}
	}
	defs := s.defs[obj]
	if s.busy[obj] {
		return choice{} // opts = append(opts, …)
	}
	if v, ok := obj.(*types.Var); ok && len(defs) == 0 && !v.IsField() {
		if _, isSlice := obj.Type().Underlying().(*types.Slice); isSlice {
			return choice{} // var opts []typedsecret.Option
		}
	}
	if len(defs) == 0 {
		return s.unknownOption(e, f)
	}
	s.busy[obj] = true
	defer delete(s.busy, obj)
	for _, d := range defs {
		if d.kind == isUnknown || d.result > 0 {
			all.add(s.unknownOption(e, f))
			continue
		}
		one := s.option(d.expr, f.at(d.place))
		for i := range one.options {
			one.options[i].Conditional = one.options[i].Conditional || len(defs) > 1
		}
		all.add(one)
	}
	return all
}

func (s *search) optionCall(c *ast.CallExpr, f *frame) choice {
	info := f.pkg.TypesInfo
	callee := calleeOf(info, c)
	switch {
	case callee != nil && callee.Pkg() != nil && callee.Pkg().Path() == Library && callee.Signature().Recv() == nil:
		o := Option{Name: callee.Name(), Source: source(f.pkg, c), Package: f.pkg}
		var isOpen bool
		for i, arg := range c.Args {
			if i == 0 {
				o.Arg = arg
			}
			if isString(info.TypeOf(arg)) {
				texts := s.text(arg, f)
				o.Args = append(o.Args, texts[0])
				isOpen = isOpen || texts[0].isOpen()
				o.Conditional = o.Conditional || len(texts) > 1
			}
		}
		all := choice{isOpen: isOpen}
		if o.Name == "WithSet" {
			all.add(s.setOptions(c, f))
		}
		all.options = append(all.options, o)
		return all
	case isBuiltin(info, c, "append"):
		return s.options(c.Args, f)
	case isBuiltin(info, c, "make"):
		return choice{}
	case callee != nil && callee.Pkg() != nil && callee.Pkg().Path() == "slices" && (callee.Name() == "Concat" || callee.Name() == "Clone"):
		return s.options(c.Args, f)
	}
	fn := s.funcs[callee]
	if fn == nil || fn.decl.Body == nil || s.busy[callee] || f.depth() >= maxDepth {
		return s.unknownOption(c, f)
	}
	s.busy[callee] = true
	defer delete(s.busy, callee)
	inside := &frame{place: place{fn.pkg, fn}, call: c, caller: f}
	list := returns(fn.decl.Body)
	var all choice
	for _, r := range list {
		if len(r.Results) == 0 {
			return s.unknownOption(c, f)
		}
		one := s.option(r.Results[0], inside)
		for i := range one.options {
			one.options[i].Conditional = one.options[i].Conditional || len(list) > 1
		}
		all.add(one)
	}
	return all
}

func isBuiltin(info *types.Info, c *ast.CallExpr, name string) bool {
	id, ok := ast.Unparen(c.Fun).(*ast.Ident)
	if !ok {
		return false
	}
	b, ok := info.Uses[id].(*types.Builtin)
	return ok && b.Name() == name
}

// A set is a typedsecret.Set of the program.
type set struct {
	name   string
	prefix []Text
	choice
}

// setOf returns the Set that an expression points to or is.
func (s *search) setOf(e ast.Expr, f *frame) set {
	found := set{name: source(f.pkg, ast.Unparen(e)), prefix: []Text{unknown("the prefix of the Set " + source(f.pkg, e))}}
	if u, ok := ast.Unparen(e).(*ast.UnaryExpr); ok && u.Op == token.AND {
		found.name = source(f.pkg, u.X)
		if lit, ok := ast.Unparen(u.X).(*ast.CompositeLit); ok {
			return s.literalSet(lit, f, set{name: "the Set"})
		}
	}
	obj := objectOf(f.pkg, e)
	if obj == nil {
		return found
	}
	if i, isVariadic := parameterIndex(obj, f.in); i >= 0 && !isVariadic {
		if f.call != nil && f.caller != nil && i < len(f.call.Args) {
			return s.setOf(f.call.Args[i], f.caller)
		}
		found.isOpen = !f.isClosed
		return found
	}
	if s.busy[obj] {
		return found
	}
	s.busy[obj] = true
	defer delete(s.busy, obj)
	found.prefix = nil
	for _, d := range s.defs[obj] {
		if d.kind != isValue || d.result > 0 {
			found.prefix = append(found.prefix, unknown("the prefix of the Set "+found.name))
			continue
		}
		found = s.definedSet(d.expr, f.at(d.place), found)
	}
	for m, defs := range s.members {
		// A field of *p may be one of this Set, if p is a pointer to a Set.
		if m.base != obj && !isSetPointer(m.base.Type()) {
			continue
		}
		for _, d := range defs {
			switch {
			case m.field == "Prefix":
				found.prefix = append(found.prefix, s.defined(d, f, "the prefix of the Set "+found.name)...)
			case m.field == "Options" && d.kind == isValue && d.result == 0:
				found.add(s.option(d.expr, f.at(d.place)))
			}
		}
	}
	if len(found.prefix) == 0 {
		found.prefix = []Text{{}}
	}
	found.prefix = distinct(found.prefix)
	return found
}

// definedSet adds to a set what the value of its variable says.
func (s *search) definedSet(e ast.Expr, f *frame, found set) set {
	e = ast.Unparen(e)
	if u, isPointer := e.(*ast.UnaryExpr); isPointer && u.Op == token.AND {
		e = ast.Unparen(u.X)
		if _, isLiteral := e.(*ast.CompositeLit); !isLiteral {
			other := s.setOf(e, f)
			other.name = found.name
			return other
		}
	}
	switch e := e.(type) {
	case *ast.CompositeLit:
		return s.literalSet(e, f, found)
	case *ast.CallExpr:
		if isBuiltin(f.pkg.TypesInfo, e, "new") {
			return found
		}
	}
	found.prefix = append(found.prefix, unknown("the prefix of the Set "+found.name))
	return found
}

func isSetPointer(t types.Type) bool {
	p, ok := types.Unalias(t).(*types.Pointer)
	return ok && isSet(p.Elem())
}

func isSet(t types.Type) bool {
	n, ok := types.Unalias(t).(*types.Named)
	return ok && n.Obj().Name() == "Set" && n.Obj().Pkg() != nil && n.Obj().Pkg().Path() == Library
}

// literalSet adds the fields of a composite literal to a set.
func (s *search) literalSet(lit *ast.CompositeLit, f *frame, found set) set {
	if !isSet(f.pkg.TypesInfo.TypeOf(lit)) { // a struct that embeds the Set
		for _, elt := range lit.Elts {
			if kv, ok := elt.(*ast.KeyValueExpr); !ok || source(f.pkg, kv.Key) == "Set" {
				if ok {
					elt = kv.Value
				}
				if t := f.pkg.TypesInfo.TypeOf(elt); t != nil && (isSet(t) || isSetPointer(t)) {
					found = s.definedSet(elt, f, found)
				}
			}
		}
		return found
	}
	for i, elt := range lit.Elts {
		field := []string{"Prefix", "Options"}[min(i, 1)]
		if kv, ok := elt.(*ast.KeyValueExpr); ok {
			field, elt = source(f.pkg, kv.Key), kv.Value
		}
		switch field {
		case "Prefix":
			found.prefix = append(found.prefix, s.text(elt, f)...)
		case "Options":
			found.add(s.option(elt, f))
		}
	}
	return found
}

// setOptions returns the options of the Set that WithSet is given.
func (s *search) setOptions(c *ast.CallExpr, f *frame) choice {
	if len(c.Args) != 1 {
		return choice{}
	}
	return s.setOf(c.Args[0], f).choice
}
