package handles

import (
	"go/ast"
	"go/constant"
	"go/types"
	"strconv"
	"strings"
)

// known returns the strings that a function of the standard library returns, or nil if it is
// none that is followed.
func (s *search) known(f *types.Func, c *ast.CallExpr, in *frame) []Text {
	if f == nil || f.Pkg() == nil {
		return nil
	}
	switch f.Pkg().Path() + "." + f.Name() {
	case "os.Getenv":
		return s.environment(c, in)
	case "fmt.Sprintf":
		return s.sprintf(c, in)
	case "fmt.Sprint":
		return s.joined(c.Args, "", in)
	case "cmp.Or":
		var texts []Text
		for _, arg := range c.Args {
			texts = append(texts, s.text(arg, in)...)
		}
		return s.or(texts)
	case "path.Join":
		return s.joined(c.Args, "/", in)
	case "strings.Join":
		if lit, ok := ast.Unparen(c.Args[0]).(*ast.CompositeLit); ok {
			if sep, ok := one(s.text(c.Args[1], in)); ok {
				return s.joined(lit.Elts, sep, in)
			}
		}
	case "strings.ToLower":
		return s.mapped(c, in, strings.ToLower)
	case "strings.ToUpper":
		return s.mapped(c, in, strings.ToUpper)
	case "strings.TrimSpace":
		return s.mapped(c, in, strings.TrimSpace)
	case "flag.String":
		return s.flag(c.Args, in)
	}
	return nil
}

// or returns the texts without the last if it only stands in for an empty environment
// variable: that variable then has it as its default.
func (s *search) or(texts []Text) []Text {
	if len(texts) != 2 || len(texts[0].Parts) != 1 {
		return distinct(texts)
	}
	h, byDefault := texts[0].Parts[0].Hole, ""
	byDefault, isKnown := texts[1].Constant()
	if h == nil || h.Env == "" || !isKnown {
		return distinct(texts)
	}
	with := *h
	with.Default = &byDefault
	with.Origin += ", by default " + strconv.Quote(byDefault)
	return []Text{{[]Part{{Hole: &with}}}}
}

func (s *search) environment(c *ast.CallExpr, f *frame) (texts []Text) {
	for _, name := range s.text(c.Args[0], f) {
		if env, ok := name.Constant(); ok {
			texts = append(texts, Text{[]Part{{Hole: &Hole{Origin: "the environment variable " + env, Env: env}}}})
		} else {
			texts = append(texts, unknown("the environment variable "+name.String()))
		}
	}
	return texts
}

// flag returns the value of a flag with the arguments of flag.String.
func (s *search) flag(args []ast.Expr, f *frame) []Text {
	name, ok := one(s.text(args[0], f))
	if !ok {
		return []Text{unknown("a flag")}
	}
	h := &Hole{Origin: "the flag -" + name}
	if byDefault, ok := one(s.text(args[1], f)); ok && byDefault != "" {
		h.Default = &byDefault
		h.Origin += ", by default " + strconv.Quote(byDefault)
	}
	return []Text{{[]Part{{Hole: h}}}}
}

// one returns the string if the texts are one that is known.
func one(texts []Text) (string, bool) {
	if len(texts) != 1 {
		return "", false
	}
	return texts[0].Constant()
}

func (s *search) joined(parts []ast.Expr, sep string, f *frame) []Text {
	all := []Text{{}}
	for i, e := range parts {
		if i > 0 && sep != "" {
			all = product(all, []Text{literal(sep)})
		}
		all = product(all, s.text(e, f))
	}
	return all
}

// mapped applies a function to the known parts of a string.
func (s *search) mapped(c *ast.CallExpr, f *frame, to func(string) string) (all []Text) {
	for _, t := range s.text(c.Args[0], f) {
		var changed Text
		for _, p := range t.Parts {
			if p.Hole == nil {
				p.Literal = to(p.Literal)
			}
			changed.Parts = append(changed.Parts, p)
		}
		all = append(all, changed)
	}
	return all
}

// sprintf follows a format. An argument that is printed by more than %s, %d or %v is unknown.
func (s *search) sprintf(c *ast.CallExpr, f *frame) []Text {
	v := f.pkg.TypesInfo.Types[c.Args[0]].Value
	if v == nil || v.Kind() != constant.String {
		return nil
	}
	all, format, args := []Text{{}}, constant.StringVal(v), c.Args[1:]
	for format != "" {
		before, after, found := strings.Cut(format, "%")
		all = product(all, []Text{literal(before)})
		if !found {
			break
		}
		verb := strings.TrimLeft(after, "+-# 0123456789.")
		if verb == "" || c.Ellipsis.IsValid() {
			return nil // no format that fmt accepts, or one whose arguments are not known
		}
		isPlain := len(verb) == len(after)
		format = verb[1:]
		switch {
		case verb[0] == '%':
			all = product(all, []Text{literal("%")})
			continue
		case len(args) == 0 || verb[0] == '*' || verb[0] == '[':
			return nil
		case isPlain && strings.ContainsRune("sdv", rune(verb[0])) && (isString(f.pkg.TypesInfo.TypeOf(args[0])) || f.pkg.TypesInfo.Types[args[0]].Value != nil):
			all = product(all, s.text(args[0], f))
		default:
			all = product(all, []Text{unknown("the expression " + source(f.pkg, args[0]))})
		}
		args = args[1:]
	}
	return all
}
