package handles

import (
	"bytes"
	"go/ast"
	"go/constant"
	"go/printer"
	"go/token"
	"go/types"
	"strconv"
	"strings"

	"golang.org/x/tools/go/packages"
)

// maxDepth bounds the calls inside calls that are followed.
const maxDepth = 8

// text returns the strings that an expression may be.
func (s *search) text(e ast.Expr, f *frame) []Text {
	info := f.pkg.TypesInfo
	if v := info.Types[e].Value; v != nil && v.Kind() == constant.String {
		return []Text{literal(constant.StringVal(v))}
	} else if v != nil {
		return []Text{literal(v.ExactString())}
	}
	switch e := ast.Unparen(e).(type) {
	case *ast.BinaryExpr:
		if e.Op == token.ADD && isString(info.TypeOf(e)) {
			return product(s.text(e.X, f), s.text(e.Y, f))
		}
	case *ast.Ident, *ast.SelectorExpr:
		if obj := objectOf(f.pkg, e); obj != nil {
			return s.variable(obj, e, f)
		}
	case *ast.StarExpr:
		if obj := objectOf(f.pkg, e.X); obj != nil {
			return s.pointed(obj, e, f)
		}
		return s.text(e.X, f)
	case *ast.CallExpr:
		return s.called(e, f)
	case *ast.IndexExpr:
		return s.elements(e.X, f)
	}
	return []Text{unknown("the expression " + source(f.pkg, e))}
}

// variable returns the strings that a variable or field may have.
func (s *search) variable(obj types.Object, e ast.Expr, f *frame) []Text {
	v, _ := obj.(*types.Var)
	texts, isParameter := s.parameter(obj, f, s.text)
	if isParameter && len(s.defs[obj]) == 0 {
		return texts
	}
	name := "the variable " + source(f.pkg, e)
	if v != nil && v.IsField() {
		name = "the field " + source(f.pkg, e)
	}
	defs := s.defs[obj]
	switch {
	case s.busy[obj] && isParameter:
		return texts
	case len(defs) == 0 && len(s.dynamic[s.literals[obj].of]) > 0 && !s.busy[obj]:
		return s.passed(obj, f)
	case len(defs) == 0 || s.busy[obj]:
		return []Text{unknown(name)}
	}
	s.busy[obj] = true
	defer delete(s.busy, obj)
	for _, d := range defs {
		texts = append(texts, s.defined(d, f, name)...)
	}
	if v != nil && v.IsField() && s.isRead(v) {
		texts = append(texts, unknown(name+", which its tag fills"))
	}
	return distinct(texts)
}

// passed returns the arguments for a parameter of a function literal that a variable holds.
func (s *search) passed(obj types.Object, f *frame) (texts []Text) {
	s.busy[obj] = true
	defer delete(s.busy, obj)
	of := s.literals[obj]
	for _, c := range s.dynamic[of.of] {
		if of.at < len(c.expr.Args) {
			texts = append(texts, s.text(c.expr.Args[of.at], f.at(c.place))...)
		}
	}
	return distinct(texts)
}

// defined returns the strings that a definition gives to a variable.
func (s *search) defined(d def, f *frame, name string) []Text {
	at := f.at(d.place)
	switch {
	case d.kind == isUnknown:
		return []Text{unknown(name + ", " + d.note)}
	case d.kind == isElement:
		return s.elements(d.expr, at)
	case d.kind == isFlag:
		return s.flag(d.expr.(*ast.CallExpr).Args[1:], at)
	case d.result > 0:
		if c, ok := ast.Unparen(d.expr).(*ast.CallExpr); ok {
			return s.result(c, d.result, at)
		}
		return []Text{unknown(name)}
	}
	return s.text(d.expr, at)
}

// at returns the frame for a place: the same, if the place is in its function, and otherwise
// one whose parameters are unknown.
func (f *frame) at(p place) *frame {
	if p.in == f.in && p.pkg == f.pkg {
		return f
	}
	return &frame{place: p, isClosed: true}
}

// parameter evaluates a parameter of the frame's function by its argument. It reports false
// if obj is no parameter.
func (s *search) parameter(obj types.Object, f *frame, eval func(ast.Expr, *frame) []Text) ([]Text, bool) {
	i, isVariadic := parameterIndex(obj, f.in)
	switch {
	case i < 0:
		return nil, false
	case f.call == nil || f.caller == nil:
		h := &Hole{Origin: "the parameter " + obj.Name() + " of " + f.in.obj.Name(), isParameter: !f.isClosed}
		return []Text{{[]Part{{Hole: h}}}}, true
	case isVariadic, i >= len(f.call.Args):
		return []Text{unknown("the parameter " + obj.Name() + " of " + f.in.obj.Name())}, true
	}
	return eval(f.call.Args[i], f.caller), true
}

// parameterIndex returns the index of a parameter of fn, or -1.
func parameterIndex(obj types.Object, fn *function) (i int, isVariadic bool) {
	if fn == nil {
		return -1, false
	}
	params := fn.obj.Signature().Params()
	for i := range params.Len() {
		if params.At(i) == obj {
			return i, fn.obj.Signature().Variadic() && i == params.Len()-1
		}
	}
	return -1, false
}

// pointed returns the strings that a pointer points to: those of the variable itself, if its
// address was taken, or a flag.
func (s *search) pointed(obj types.Object, e *ast.StarExpr, f *frame) []Text {
	name := "the variable " + source(f.pkg, e)
	if s.busy[obj] || len(s.defs[obj]) == 0 {
		return []Text{unknown(name)}
	}
	s.busy[obj] = true
	defer delete(s.busy, obj)
	var texts []Text
	for _, d := range s.defs[obj] {
		at := f.at(d.place)
		switch e := ast.Unparen(d.expr).(type) {
		case *ast.CallExpr:
			texts = append(texts, s.called(e, at)...)
		case *ast.UnaryExpr:
			texts = append(texts, s.text(e.X, at)...)
		default:
			texts = append(texts, unknown(name))
		}
	}
	return distinct(texts)
}

// elements returns the strings that an element of a slice, an array or a map may be.
func (s *search) elements(e ast.Expr, f *frame) []Text {
	var texts []Text
	switch e := ast.Unparen(e).(type) {
	case *ast.CompositeLit:
		for _, elt := range e.Elts {
			if kv, ok := elt.(*ast.KeyValueExpr); ok {
				elt = kv.Value
			}
			texts = append(texts, s.text(elt, f)...)
		}
		return s.someElements(texts, e, f)
	case *ast.Ident, *ast.SelectorExpr:
		obj := objectOf(f.pkg, e)
		switch i, isVariadic := parameterIndex(obj, f.in); {
		case i >= 0 && (f.call == nil || f.caller == nil):
			texts, _ = s.parameter(obj, f, s.elements)
			return texts
		case i >= 0 && isVariadic && !f.call.Ellipsis.IsValid():
			for _, arg := range f.call.Args[min(i, len(f.call.Args)):] {
				texts = append(texts, s.text(arg, f.caller)...)
			}
			return s.someElements(texts, e, f)
		case i >= 0 && i < len(f.call.Args):
			return s.elements(f.call.Args[i], f.caller)
		}
		if obj == nil || s.busy[obj] || len(s.defs[obj]) == 0 {
			break
		}
		s.busy[obj] = true
		defer delete(s.busy, obj)
		for _, d := range s.defs[obj] {
			if d.kind != isValue || d.result > 0 {
				texts = append(texts, unknown("an element of "+source(f.pkg, e)))
				continue
			}
			texts = append(texts, s.elements(d.expr, f.at(d.place))...)
		}
		return distinct(texts)
	}
	return []Text{unknown("an element of " + source(f.pkg, e))}
}

// someElements returns the texts. A list that is written without elements may get some later.
func (s *search) someElements(texts []Text, e ast.Expr, f *frame) []Text {
	if len(texts) == 0 {
		return []Text{unknown("an element of " + source(f.pkg, e))}
	}
	return distinct(texts)
}

// isRead reports whether a field has a tag by which another package fills it.
func (s *search) isRead(v *types.Var) bool {
	for _, pkg := range s.pkgs {
		if pkg.Types != v.Pkg() {
			continue
		}
		for _, file := range pkg.Syntax {
			if v.Pos() < file.FileStart || v.Pos() > file.FileEnd {
				continue
			}
			tagged := false
			ast.Inspect(file, func(n ast.Node) bool {
				if field, ok := n.(*ast.Field); ok && field.Tag != nil {
					for _, name := range field.Names {
						tagged = tagged || name.Pos() == v.Pos()
					}
				}
				return !tagged
			})
			return tagged
		}
	}
	return false
}

// called returns the strings that a call may return.
func (s *search) called(c *ast.CallExpr, f *frame) []Text {
	info := f.pkg.TypesInfo
	if tv := info.Types[c.Fun]; tv.IsType() && len(c.Args) == 1 { // a conversion
		if isString(info.TypeOf(c.Args[0])) {
			return s.text(c.Args[0], f)
		}
		return []Text{unknown("the expression " + source(f.pkg, c))}
	}
	if texts := s.known(calleeOf(info, c), c, f); texts != nil {
		return texts
	}
	return s.result(c, 0, f)
}

// result returns the strings that a call of the program's own function may return as its
// result i.
func (s *search) result(c *ast.CallExpr, i int, f *frame) []Text {
	callee := calleeOf(f.pkg.TypesInfo, c)
	fn := s.funcs[callee]
	name := "the result of " + source(f.pkg, c.Fun)
	if callee != nil && callee.Pkg() != nil && callee.Pkg().Path() == "os" && callee.Name() == "LookupEnv" && i == 0 {
		return s.environment(c, f)
	}
	if fn == nil || fn.decl.Body == nil || s.busy[callee] || f.depth() >= maxDepth {
		return []Text{unknown(name)}
	}
	s.busy[callee] = true
	defer delete(s.busy, callee)
	inside := &frame{place: place{fn.pkg, fn}, call: c, caller: f}
	var texts []Text
	for _, r := range returns(fn.decl.Body) {
		switch {
		case len(r.Results) > i:
			texts = append(texts, s.text(r.Results[i], inside)...)
		default:
			texts = append(texts, unknown(name))
		}
	}
	if len(texts) == 0 {
		return []Text{unknown(name)}
	}
	return distinct(texts)
}

// returns lists the return statements of a function, without those of functions inside.
func returns(body *ast.BlockStmt) (list []*ast.ReturnStmt) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			list = append(list, n)
		}
		return true
	})
	return list
}

// source returns an expression in Go, on one line.
func source(pkg *packages.Package, e ast.Expr) string {
	var b bytes.Buffer
	if printer.Fprint(&b, pkg.Fset, e) != nil {
		return "?"
	}
	text := strings.Join(strings.Fields(b.String()), " ")
	const most = 60
	if len(text) > most {
		return strconv.Quote(text[:most])[1:] + "…"
	}
	return text
}
