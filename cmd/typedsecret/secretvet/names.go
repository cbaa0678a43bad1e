package secretvet

import (
	"go/types"
	"regexp"
	"strings"
)

const library = "github.com/typedsecret/typedsecret"

var majorVersion = regexp.MustCompile(`/v[0-9]+(/|$)`)

// plainPath returns an import path without a module's major version.
func plainPath(p string) string {
	return majorVersion.ReplaceAllString(strings.TrimSuffix(p, "_test"), "$1")
}

// cgoName matches what cgo makes of C.f.
var cgoName = regexp.MustCompile(`\(?\b_C2?func_(\w+)\b\)?`)

// funcName returns the full name of a function or method: "fmt.Println", "log.Logger.Print",
// "C.puts".
func funcName(f *types.Func) string {
	f = f.Origin()
	name := f.Name()
	if m := cgoName.FindStringSubmatch(name); m != nil {
		return "C." + m[1]
	}
	if recv := f.Signature().Recv(); recv != nil {
		if n := named(recv.Type()); n != nil {
			name = n.Obj().Name() + "." + name
			if n.Obj().Pkg() == nil { // error.Error
				return name
			}
			return plainPath(n.Obj().Pkg().Path()) + "." + name
		}
	}
	if f.Pkg() == nil {
		return name
	}
	return plainPath(f.Pkg().Path()) + "." + name
}

// shortName is funcName as a message shows it: "log.Printf", "(*sql.DB).Query" as "DB.Query".
func shortName(f *types.Func) string {
	if recv := f.Signature().Recv(); recv != nil {
		if n := named(recv.Type()); n != nil {
			return n.Obj().Name() + "." + f.Name()
		}
	}
	if f.Pkg() == nil || cgoName.MatchString(f.Name()) {
		return cgoName.ReplaceAllString(f.Name(), "C.$1")
	}
	return f.Pkg().Name() + "." + f.Name()
}

// named returns the named type that t is or points to.
func named(t types.Type) *types.Named {
	t = types.Unalias(t)
	if p, ok := t.(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	n, _ := t.(*types.Named)
	return n
}

func typeName(n *types.Named) string {
	if n == nil {
		return ""
	}
	o := n.Obj()
	if o.Pkg() == nil {
		return o.Name()
	}
	return plainPath(o.Pkg().Path()) + "." + o.Name()
}

// structOf returns the struct that t is or points to.
func structOf(t types.Type) *types.Struct {
	if p, ok := t.Underlying().(*types.Pointer); ok {
		t = p.Elem()
	}
	s, _ := t.Underlying().(*types.Struct)
	return s
}

func inLibrary(p *types.Package) bool {
	return p != nil && (p.Path() == library || strings.HasPrefix(p.Path(), library+"/"))
}
