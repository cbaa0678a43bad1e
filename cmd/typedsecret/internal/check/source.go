package check

import (
	"bytes"
	_ "embed"
	"fmt"
	"go/ast"
	"go/printer"
	"go/token"
	"go/types"
	"strconv"
	"strings"

	"golang.org/x/tools/go/packages"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/handles"
)

// These environment variables say where a probe writes its answers, and how long a fetch may take.
const (
	outVariable     = "TYPEDSECRET_CHECK_OUT"
	timeoutVariable = "TYPEDSECRET_CHECK_TIMEOUT"
)

// An item is one secret of one handle, with the Go code that makes the handle again.
type item struct {
	handle *handles.Handle
	id     string

	home  *packages.Package // where the code may stand
	types []string          // declarations of local types
	typ   string
	opts  []string
	uses  map[string]string // the imports, from path to name
}

// newItem returns the code for a handle, or the reason why there is none.
func newItem(h *handles.Handle, id string, cfg Config) (m item, why string) {
	m = item{handle: h, id: id, uses: map[string]string{}}
	if h.Type == nil {
		return m, "its T is not known"
	}
	if m.home, why = homeOf(h); why != "" {
		return m, why
	}
	switch mod := m.home.Module; {
	case len(m.home.GoFiles) == 0 || m.home.PkgPath == "command-line-arguments":
		return m, "name its package by a folder or a path, not by files"
	case mod == nil || mod.Version != "" && (mod.Replace == nil || mod.Replace.Version != ""):
		return m, "it is made in another module, " + m.home.PkgPath + "; run the check there"
	}
	if m.typ, why = m.typeName(h.Type); why != "" {
		return m, why
	}
	stage := cfg.Stage
	for _, o := range []struct {
		name string
		text handles.Text
	}{{"WithStage", h.Stage()}, {"WithVersionID", h.VersionID()}, {"WithKey", h.Key()}} {
		value, ok := o.text.Filled(cfg.Fill).Constant()
		switch {
		case !ok:
			return m, "the argument of " + o.name + " is " + o.text.String()
		case value != "":
			m.opts = append(m.opts, m.library()+"."+o.name+"("+strconv.Quote(value)+")")
		}
	}
	if stage != "" {
		m.opts = append(m.opts, m.library()+".WithStage("+strconv.Quote(stage)+")")
	}
	if o := h.Option("WithCodec"); o != nil {
		code, ok := m.expr(o.Arg, o.Package)
		if !ok {
			return m, "its codec is made at run time: " + o.Source
		}
		m.opts = append(m.opts, m.library()+".WithCodec("+code+")")
	}
	return m, ""
}

func (m *item) library() string { return m.name(handles.Library) }

// name returns the name by which the code uses a package. It is one that no program declares.
func (m *item) name(path string) string {
	if path == m.home.PkgPath {
		return ""
	}
	m.uses[path] = importName(path)
	return m.uses[path]
}

// importName returns a name for a package, which no package with another path has.
func importName(path string) string {
	var b strings.Builder
	b.WriteString("typedsecretcheck_")
	for _, c := range []byte(path) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "_%02x", c)
		}
	}
	return b.String()
}

// homeOf returns the package in which all names of T can be used: that of an unexported name,
// or else that of the handle.
func homeOf(h *handles.Handle) (home *packages.Package, why string) {
	home = h.Package
	eachName(h.Type, func(n *types.TypeName) {
		if n.Exported() || n.Pkg() == nil || n.Pkg() == home.Types {
			return
		}
		if found := h.Find(n.Pkg()); found != nil {
			home = found
		} else {
			why = "its T has the name " + n.Pkg().Path() + "." + n.Name() + ", which is not exported"
		}
	})
	return home, why
}

// eachName visits the names of declared types that the text of a type has.
func eachName(t types.Type, visit func(*types.TypeName)) {
	switch t := types.Unalias(t).(type) {
	case *types.Named:
		visit(t.Obj())
		for arg := range t.TypeArgs().Types() {
			eachName(arg, visit)
		}
	case *types.Pointer:
		eachName(t.Elem(), visit)
	case *types.Slice:
		eachName(t.Elem(), visit)
	case *types.Array:
		eachName(t.Elem(), visit)
	case *types.Map:
		eachName(t.Key(), visit)
		eachName(t.Elem(), visit)
	case *types.Struct:
		for f := range t.Fields() {
			eachName(f.Type(), visit)
		}
	}
}

// typeName returns a type as the code writes it. A type that is declared in a function is
// declared again.
func (m *item) typeName(t types.Type) (name, why string) {
	var declare func(t types.Type)
	known := map[*types.TypeName]bool{}
	declare = func(t types.Type) {
		eachName(t, func(n *types.TypeName) {
			isLocal := n.Pkg() != nil && n.Parent() != n.Pkg().Scope()
			named, ok := n.Type().(*types.Named)
			if _, isParameter := n.Type().(*types.TypeParam); isParameter || isLocal && (!ok || named.TypeParams().Len() > 0) {
				why = "its T has the type parameter " + n.Name()
				return
			}
			if !isLocal || known[n] {
				return
			}
			known[n] = true
			declare(named.Underlying())
			m.types = append(m.types, "type "+n.Name()+" "+m.print(named.Underlying()))
		})
	}
	if _, isParameter := t.(*types.TypeParam); isParameter {
		return "", "no call gives T its type arguments"
	}
	declare(t)
	return m.print(t), why
}

func (m *item) print(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string { return m.name(p.Path()) })
}

// expr returns an expression of a package as the code writes it. It reports false if the
// expression has names that the code can't use, such as those of local variables.
func (m *item) expr(e ast.Expr, pkg *packages.Package) (code string, ok bool) {
	ok = true
	replaced := map[*ast.Ident]string{}
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			ok = false
		case *ast.SelectorExpr:
			if id, isName := n.X.(*ast.Ident); isName {
				if p, isPackage := pkg.TypesInfo.Uses[id].(*types.PkgName); isPackage {
					replaced[id] = m.name(p.Imported().Path())
					ok = ok && replaced[id] != ""
					return false
				}
			}
			replaced[n.Sel] = n.Sel.Name // of a value or a type that is looked at by itself
		case *ast.KeyValueExpr:
			if key, isName := n.Key.(*ast.Ident); isName {
				if v, isField := pkg.TypesInfo.Uses[key].(*types.Var); isField && v.IsField() {
					replaced[key] = key.Name
				}
			}
		case *ast.Ident:
			obj := pkg.TypesInfo.Uses[n]
			switch _, done := replaced[n]; {
			case done || obj == nil || obj.Parent() == types.Universe:
			case obj.Pkg() == m.home.Types && obj.Parent() == obj.Pkg().Scope():
			case obj.Parent() == obj.Pkg().Scope() && obj.Exported():
				replaced[n] = m.name(obj.Pkg().Path()) + "." + n.Name
			default:
				ok = false
			}
		}
		return ok
	})
	if !ok {
		return "", false
	}
	var b bytes.Buffer
	undo := make(map[*ast.Ident]string, len(replaced))
	for id, name := range replaced {
		undo[id], id.Name = id.Name, name
	}
	err := printer.Fprint(&b, token.NewFileSet(), e)
	for id, name := range undo {
		id.Name = name
	}
	return b.String(), err == nil
}

// handlesSource returns the file that makes the handles.
func handlesSource(pkg string, items []item) string {
	const cachePath = handles.Library + "/cache"
	imports := map[string]string{handles.Library: importName(handles.Library), cachePath: importName(cachePath)}
	var body strings.Builder
	for _, m := range items {
		for path, name := range m.uses {
			imports[path] = name
		}
		fmt.Fprintf(&body, "\t{\n")
		for _, declaration := range m.types {
			fmt.Fprintf(&body, "\t\t%s\n", declaration)
		}
		lib := imports[handles.Library]
		fmt.Fprintf(&body, "\t\thandles = append(handles, %s.New[%s](%q, %s))\n\t}\n", lib, m.typ, m.id,
			strings.Join(append([]string{lib + ".WithCache(c)"}, m.opts...), ", "))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "// Code generated by typedsecret check. DO NOT EDIT.\n\npackage %s\n\nimport (\n", pkg)
	for path, name := range imports {
		fmt.Fprintf(&b, "\t%s %q\n", name, path)
	}
	fmt.Fprintf(&b, ")\n\n// TypedsecretCheckHandles makes the package's handles again.\nfunc TypedsecretCheckHandles(c *%s.Cache) (handles []%s.Handle) {\n%s\treturn handles\n}\n",
		imports[cachePath], imports[handles.Library], body.String())
	return b.String()
}

//go:embed run.go.txt
var runTemplate string

// runSource returns the file that reads the handles: those of package path, or of the package
// that it stands in.
func runSource(path, more string) string {
	load, name := "", ""
	if path != "" {
		load, name = "typedsecretcheck_checked "+strconv.Quote(path), "typedsecretcheck_checked."
	}
	return strings.NewReplacer("IMPORT", load, "PACKAGE", name).Replace(runTemplate) + "\n" + more
}
