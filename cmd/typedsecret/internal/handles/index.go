package handles

import (
	"go/ast"
	"go/token"
	"go/types"

	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/go/types/typeutil"
)

// A search looks for the handles of packages.
type search struct {
	program *Program
	pkgs    []*packages.Package

	funcs   map[*types.Func]*function
	calls   map[*types.Func][]call // by the function's origin
	values  map[*types.Func]bool   // the functions that are used as a value, so that some calls are unknown
	defs    map[types.Object][]def // of variables and fields
	members map[member][]def       // of a field of one variable

	literals map[types.Object]literalParameter // the parameters of function literals that a variable holds
	dynamic  map[types.Object][]call           // the calls of the function that a variable holds

	dispatched map[string]bool // the names of the methods that are called through an interface
	expanded   int             // how often expand was called

	asValues []asValue // New and NewByID where they are not called

	busy map[types.Object]bool // the variables and functions being evaluated
	byID []*byID
}

// A function is one that is declared in the packages, with its body.
type function struct {
	obj  *types.Func
	decl *ast.FuncDecl
	pkg  *packages.Package
}

// A place is where an expression stands. The function is nil at the level of the package.
type place struct {
	pkg *packages.Package
	in  *function
}

// A call is one of a function or method that is known.
type call struct {
	place
	expr *ast.CallExpr
	to   *types.Func
}

// An asValue is the name of a function that is used as a value.
type asValue struct {
	place
	name *ast.Ident
}

// A literalParameter is a parameter of the function literal that a variable holds.
type literalParameter struct {
	of types.Object
	at int
}

// A def is a value of a variable.
type def struct {
	place
	expr   ast.Expr
	result int // which result of a call, if it has several; otherwise 0
	kind   defKind
	note   string // where an unknown value comes from
}

type defKind int

const (
	isValue   defKind = iota // the variable gets the value of expr
	isElement                // the variable gets each element of expr, in a loop
	isFlag                   // expr is the call of flag.StringVar that fills the variable
	isUnknown                // the variable is written to through its address, say
)

// A member is a field of one variable or of one field.
type member struct {
	base  types.Object
	field string
}

func newSearch(p *Program, pkgs []*packages.Package) *search {
	s := &search{
		program: p, pkgs: pkgs,
		funcs: map[*types.Func]*function{}, calls: map[*types.Func][]call{}, values: map[*types.Func]bool{},
		defs: map[types.Object][]def{}, members: map[member][]def{}, busy: map[types.Object]bool{},
		dispatched: map[string]bool{},
		literals:   map[types.Object]literalParameter{}, dynamic: map[types.Object][]call{},
	}
	for _, pkg := range pkgs {
		for _, file := range pkg.Syntax {
			for _, d := range file.Decls {
				if fd, ok := d.(*ast.FuncDecl); ok {
					if obj, ok := pkg.TypesInfo.Defs[fd.Name].(*types.Func); ok {
						s.funcs[obj] = &function{obj, fd, pkg}
					}
				}
			}
		}
	}
	for _, pkg := range pkgs {
		for _, file := range pkg.Syntax {
			for _, d := range file.Decls {
				in := place{pkg: pkg}
				if fd, ok := d.(*ast.FuncDecl); ok {
					if obj, ok := pkg.TypesInfo.Defs[fd.Name].(*types.Func); ok {
						in.in = s.funcs[obj]
					}
				}
				s.index(d, in)
			}
		}
	}
	return s
}

// index records the calls and the definitions in a declaration.
func (s *search) index(d ast.Decl, in place) {
	info := in.pkg.TypesInfo
	called, known := map[*ast.Ident]bool{}, map[ast.Expr]bool{}
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if f := calleeOf(info, n); f != nil {
				s.calls[f] = append(s.calls[f], call{in, n, f})
				called[calleeIdent(n.Fun)] = true
				if recv := f.Signature().Recv(); recv != nil && types.IsInterface(recv.Type()) {
					s.dispatched[f.Name()] = true
				}
				if isFlagVar(f) && len(n.Args) == 4 {
					known[ast.Unparen(n.Args[0])] = true
					s.define(in, n.Args[0], def{place: in, expr: n, kind: isFlag})
				}
			} else if v := objectOf(in.pkg, n.Fun); v != nil {
				s.dynamic[v] = append(s.dynamic[v], call{in, n, nil})
			}
		case *ast.Ident:
			if f, ok := info.Uses[n].(*types.Func); ok && !called[n] {
				s.values[f.Origin()] = true
				if isOf(f, Library, "", "New") || isOf(f, Library, "", "NewByID") {
					s.asValues = append(s.asValues, asValue{in, n})
				}
			}
		case *ast.ValueSpec:
			for i, name := range n.Names {
				s.assign(in, name, n.Values, i)
			}
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				if n.Tok == token.ASSIGN || n.Tok == token.DEFINE {
					s.assign(in, left, n.Rhs, i)
				} else {
					s.define(in, left, def{place: in, kind: isUnknown, note: "an assignment with " + n.Tok.String()})
				}
			}
		case *ast.RangeStmt:
			if n.Value != nil {
				s.define(in, n.Value, def{place: in, expr: n.X, kind: isElement})
			}
			if n.Key != nil {
				s.define(in, n.Key, def{place: in, kind: isUnknown, note: "the key of a loop"})
			}
		case *ast.UnaryExpr:
			if n.Op == token.AND && !known[n] && isString(info.TypeOf(n.X)) {
				s.define(in, n.X, def{place: in, kind: isUnknown, note: "what is written through &" + source(in.pkg, n.X)})
			}
		case *ast.CompositeLit:
			s.fields(in, n)
		}
		return true
	})
}

// assign records that left gets the value at index i of the right side.
func (s *search) assign(in place, left ast.Expr, right []ast.Expr, i int) {
	switch {
	case len(right) == 0: // a zero value
	case len(right) == 1 && i > 0, len(right) <= i:
		s.define(in, left, def{place: in, expr: right[0], result: i})
	default:
		s.define(in, left, def{place: in, expr: right[i]})
	}
}

// define records a value of the variable or field that left names.
func (s *search) define(in place, left ast.Expr, d def) {
	obj := objectOf(in.pkg, left)
	if obj == nil {
		return
	}
	s.defs[obj] = append(s.defs[obj], d)
	if lit, ok := d.expr.(*ast.FuncLit); ok {
		s.parameters(d.pkg, lit, obj)
	}
	if sel, ok := ast.Unparen(left).(*ast.SelectorExpr); ok {
		if base := objectOf(in.pkg, sel.X); base != nil {
			m := member{base, sel.Sel.Name}
			s.members[m] = append(s.members[m], d)
		}
	}
}

// parameters records the parameters of the function literal that obj holds.
func (s *search) parameters(pkg *packages.Package, lit *ast.FuncLit, obj types.Object) {
	at := 0
	for _, field := range lit.Type.Params.List {
		for _, name := range field.Names {
			if v := pkg.TypesInfo.Defs[name]; v != nil {
				s.literals[v] = literalParameter{obj, at}
			}
			at++
		}
	}
}

// fields records the values that a composite literal gives to the fields of a struct.
func (s *search) fields(in place, lit *ast.CompositeLit) {
	t, ok := under(in.pkg.TypesInfo.TypeOf(lit)).(*types.Struct)
	if !ok {
		return
	}
	for i, elt := range lit.Elts {
		if kv, ok := elt.(*ast.KeyValueExpr); ok {
			if key, ok := kv.Key.(*ast.Ident); ok {
				s.define(in, key, def{place: in, expr: kv.Value})
			}
		} else if i < t.NumFields() {
			f := t.Field(i).Origin()
			s.defs[f] = append(s.defs[f], def{place: in, expr: elt})
		}
	}
}

// objectOf returns the variable or field that an expression names, or nil. It is p
// for *p, and v for &v.
func objectOf(pkg *packages.Package, e ast.Expr) types.Object {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		if v, ok := pkg.TypesInfo.ObjectOf(e).(*types.Var); ok {
			return v.Origin()
		}
	case *ast.SelectorExpr:
		if v, ok := pkg.TypesInfo.ObjectOf(e.Sel).(*types.Var); ok {
			return v.Origin()
		}
	case *ast.StarExpr:
		return objectOf(pkg, e.X)
	case *ast.UnaryExpr:
		if e.Op == token.AND {
			return objectOf(pkg, e.X)
		}
	}
	return nil
}

// calleeOf returns the function or method that a call calls, or nil if that is known at run
// time only.
func calleeOf(info *types.Info, c *ast.CallExpr) *types.Func {
	f, _ := typeutil.Callee(info, c).(*types.Func)
	if f == nil {
		return nil
	}
	return f.Origin()
}

// isFlagVar reports whether f is flag.StringVar, or the method of a FlagSet.
func isFlagVar(f *types.Func) bool {
	return isOf(f, "flag", "", "StringVar") || isOf(f, "flag", "FlagSet", "StringVar")
}

// calleeIdent returns the name in the function of a call.
func calleeIdent(fun ast.Expr) *ast.Ident {
	switch fun := ast.Unparen(fun).(type) {
	case *ast.Ident:
		return fun
	case *ast.SelectorExpr:
		return fun.Sel
	case *ast.IndexExpr:
		return calleeIdent(fun.X)
	case *ast.IndexListExpr:
		return calleeIdent(fun.X)
	}
	return nil
}

// isOf reports whether f is the function of package path, or the method of its type recv.
func isOf(f *types.Func, path, recv, name string) bool {
	if f == nil || f.Pkg() == nil || f.Pkg().Path() != path || f.Name() != name {
		return false
	}
	r := f.Signature().Recv()
	if r == nil || recv == "" {
		return r == nil && recv == ""
	}
	named, ok := types.Unalias(deref(r.Type())).(*types.Named)
	return ok && named.Obj().Name() == recv
}

func deref(t types.Type) types.Type {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		return p.Elem()
	}
	return t
}

func under(t types.Type) types.Type {
	if t == nil {
		return nil
	}
	return deref(t).Underlying()
}

func isString(t types.Type) bool {
	if t == nil {
		return false
	}
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&types.IsString != 0
}
