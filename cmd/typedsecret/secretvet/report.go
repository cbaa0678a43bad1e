package secretvet

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ssa"
)

// report goes through all units once more and reports what reaches a sink.
func (k *checker) report() {
	for _, u := range k.units {
		u.final = true
		u.eachInstruction(u.follow)
	}
}

// found reports a secret at a sink, once for each argument.
func (k *checker) found(at ssa.Instruction, from *origin, to sinkRef, arg int) {
	pos := position(at)
	e := k.expression(at, arg)
	if arg < 0 {
		e = nil
	}
	start, end := pos, token.NoPos
	if e != nil {
		start, end = e.Pos(), e.End()
	}
	where := k.pass.Fset.Position(start)
	id := fmt.Sprintf("%s:%d:%d", where.Filename, where.Line, where.Column)
	if k.reported[id] || k.excused(pos) || !testFiles && strings.HasSuffix(where.Filename, "_test.go") {
		return
	}
	k.reported[id] = true
	d := analysis.Diagnostic{Pos: start, End: end, Category: string(to.Class), Message: message(e, from, to)}
	if e != nil {
		d.SuggestedFixes = k.fixes(at, e, to)
	}
	k.pass.Report(d)
}

// position returns where an instruction is in the source, or its function.
func position(at ssa.Instruction) token.Pos {
	if c, ok := at.(ssa.CallInstruction); ok && c.Common().Pos().IsValid() {
		return c.Common().Pos() // of a go or defer statement too
	}
	if at.Pos().IsValid() {
		return at.Pos()
	}
	return at.Parent().Pos()
}

// excused reports whether the directive stands on a line, or on the one above it.
func (k *checker) excused(pos token.Pos) bool {
	p := k.pass.Fset.Position(pos)
	return k.publicLines[line{p.Filename, p.Line}] || k.publicLines[line{p.Filename, p.Line - 1}]
}

// message says which value, from where, reaches what. If e is nil the value has no name in
// the source: a panic's, or what a function returns.
func message(e ast.Expr, from *origin, to sinkRef) string {
	what := "the " + from.What
	if from.Kind != ofType {
		what = "the secret that " + from.What + " gave"
	}
	m := fmt.Sprintf("%s (%s) reaches %s", what, from.Where, to.Name)
	if e != nil {
		m = fmt.Sprintf("%s holds %s (%s), and reaches %s", short(cgoName.ReplaceAllString(types.ExprString(e), "C.$1")), what, from.Where, to.Name)
	}
	if to.Where != "" {
		m += " (" + to.Where + ")"
	}
	return m + ": " + consequence(to.Class)
}

func consequence(c class) string {
	switch c {
	case classError:
		return "errors are logged"
	case classPanic:
		return "a panic is printed"
	case classTest:
		return "a test's output is kept"
	case classTrace:
		return "traces and metrics are stored elsewhere"
	case classResponse:
		return "others read what is answered"
	}
	return "logs are stored and read"
}

// short bounds a piece of source in a message.
func short(s string) string {
	if len(s) > 60 {
		return s[:57] + "…"
	}
	return s
}

// fixes suggests to show [REDACTED] instead, where a string is as good there as what is
// shown, and where all variables stay in use.
func (k *checker) fixes(at ssa.Instruction, e ast.Expr, to sinkRef) []analysis.SuggestedFix {
	if strings.Contains(to.Name, " in ") || !k.takesString(at, e) || !k.stillUsed(e) {
		return nil
	}
	return []analysis.SuggestedFix{{
		Message:   "Show [REDACTED] instead",
		TextEdits: []analysis.TextEdit{{Pos: e.Pos(), End: e.End(), NewText: []byte(`"[REDACTED]"`)}},
	}}
}

// takesString reports whether a string can stand for the argument e of a call.
func (k *checker) takesString(at ssa.Instruction, e ast.Expr) bool {
	c := k.calls[position(at)]
	if c == nil || c.Ellipsis.IsValid() {
		return false
	}
	n := slices.Index(c.Args, e)
	sig, ok := k.pass.TypesInfo.TypeOf(c.Fun).(*types.Signature)
	if n < 0 || !ok {
		return false
	}
	typ := sig.Params().At(min(n, sig.Params().Len()-1)).Type()
	if sig.Variadic() && n >= sig.Params().Len()-1 {
		typ = typ.(*types.Slice).Elem()
		return types.IsInterface(typ) && typ.Underlying().(*types.Interface).Empty() && k.verbTakesString(c, n, sig.Params().Len()-1)
	}
	b, ok := typ.Underlying().(*types.Basic)
	return ok && b.Kind() == types.String || types.IsInterface(typ) && typ.Underlying().(*types.Interface).Empty()
}

// verbTakesString reports whether the verb for a call's argument n, of which those from
// first on are formatted, fits a string.
func (k *checker) verbTakesString(c *ast.CallExpr, n, first int) bool {
	name := ""
	switch f := ast.Unparen(c.Fun).(type) {
	case *ast.SelectorExpr:
		name = f.Sel.Name
	case *ast.Ident:
		name = f.Name
	}
	if !strings.HasSuffix(name, "f") || first == 0 {
		return true
	}
	tv := k.pass.TypesInfo.Types[c.Args[first-1]]
	if tv.Value == nil {
		return false
	}
	vs := parseVerbs(constantString(tv))
	return n-first < len(vs) && strings.ContainsRune("vsq", vs[n-first])
}

// stillUsed reports whether each variable and import of e is used elsewhere too.
func (k *checker) stillUsed(e ast.Expr) bool {
	ok := true
	ast.Inspect(e, func(n ast.Node) bool {
		if _, call := n.(*ast.CallExpr); call {
			ok = false // its effects would be lost
		}
		if id, isIdent := n.(*ast.Ident); isIdent && ok {
			ok = k.usedElsewhere(id)
		}
		return ok
	})
	return ok
}

func (k *checker) usedElsewhere(id *ast.Ident) bool {
	obj := k.pass.TypesInfo.Uses[id]
	switch v := obj.(type) {
	case *types.PkgName:
		return false
	case *types.Var:
		if v.IsField() || v.Parent() == nil || v.Parent() == k.pass.Pkg.Scope() || v.Parent() == types.Universe {
			return true
		}
	default:
		return true
	}
	for other, o := range k.pass.TypesInfo.Uses {
		if o == obj && other != id {
			return true
		}
	}
	return false
}
