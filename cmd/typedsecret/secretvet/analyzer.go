package secretvet

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ssa"
)

// Analyzer reports where a secret is shown.
var Analyzer = &analysis.Analyzer{
	Name:      "secretvet",
	Doc:       "report secrets of AWS Secrets Manager that reach a log, an error, a trace or an HTTP response",
	URL:       "https://pkg.go.dev/github.com/typedsecret/typedsecret/cmd/typedsecret/secretvet",
	Run:       run,
	FactTypes: []analysis.Fact{new(packageFact)},
}

var testFiles bool

func init() {
	Analyzer.Flags.BoolVar(&testFiles, "testfiles", false, "report in _test.go files too, where secrets are mostly made up")
}

// A checker examines one package.
type checker struct {
	pass *analysis.Pass
	im   *imported
	prog *ssa.Program
	// home is set in typedsecret itself, whose generic code has no secrets of its own.
	home bool
	// dependency is set in a module that the program only uses: nothing is reported
	// there, and its facts are fewer (see export).
	dependency bool

	types       map[string]bool // of secrets
	public      map[string]bool // fields
	publicVars  map[types.Object]bool
	publicLines map[line]bool
	fields      map[string]*origin // that a secret is stored in
	globals     map[*ssa.Global]taint
	environment map[path]taint // variables of the process's environment

	typed      map[types.Type]taint
	origins    map[origin]*origin
	units      []*unit
	functions  map[spot][]ssa.Value // function values in variables
	byFunc     map[*types.Func]*unit
	implements map[*types.Func][]*types.Func
	stores     map[string][]fieldStore
	candidates map[string]*origin // fields that a secret is stored in, until judgeFields decides
	calls      map[token.Pos]*ast.CallExpr
	reported   map[string]bool
	changed    bool // something that all units depend on
}

type line struct {
	file string
	line int
}

// A fieldStore is an assignment to a field of a type of this package.
type fieldStore struct {
	in    *unit
	value ssa.Value
}

func run(pass *analysis.Pass) (any, error) {
	if skip(pass) {
		return nil, nil
	}
	k := &checker{
		pass: pass, im: importFacts(pass), home: inLibrary(pass.Pkg),
		dependency: dependency(pass),
		types:      map[string]bool{}, public: map[string]bool{}, publicVars: map[types.Object]bool{},
		publicLines: map[line]bool{}, fields: map[string]*origin{}, globals: map[*ssa.Global]taint{},
		environment: map[path]taint{},
		typed:       map[types.Type]taint{}, origins: map[origin]*origin{}, byFunc: map[*types.Func]*unit{}, implements: map[*types.Func][]*types.Func{},
		functions: map[spot][]ssa.Value{},
		stores:    map[string][]fieldStore{}, candidates: map[string]*origin{}, calls: map[token.Pos]*ast.CallExpr{},
		reported: map[string]bool{},
	}
	for _, a := range k.im.environment {
		k.setEnvironment(a.Name, taint{pair{"", k.intern(a.What)}: true})
	}
	k.collectTypes()
	k.collectPublic()
	k.makeUnits(build(pass))
	k.settle()
	if !k.dependency {
		k.report()
	}
	if f := k.fact(); !f.empty() {
		pass.ExportPackageFact(f)
	}
	return nil, nil
}

// skip reports whether a package is not examined: the tables describe the standard library and
// the packages from which secrets come.
func skip(pass *analysis.Pass) bool {
	if len(pass.Files) == 0 || standard(pass) {
		return true
	}
	return dependency(pass) && (describedOnly(pass.Pkg.Path()) || !concerned(pass))
}

// concerned reports whether a dependency may read secrets or wrap a logger. The others are not
// examined.
func concerned(pass *analysis.Pass) bool {
	for _, p := range pass.Pkg.Imports() {
		path := plainPath(p.Path())
		if loggerName(p.Name()) || inLibrary(p) || strings.HasSuffix(path, "/service/secretsmanager") ||
			strings.HasSuffix(path, "/secretcache") {
			return true
		}
	}
	return len(pass.AllPackageFacts()) > 0
}

// dependency reports whether a package is of a module that the program only uses.
func dependency(pass *analysis.Pass) bool {
	if pass.Module != nil {
		return pass.Module.Version != ""
	}
	file := filepath.ToSlash(pass.Fset.Position(pass.Files[0].FileStart).Filename)
	return strings.Contains(file, "/pkg/mod/") && strings.Contains(file, "@v")
}

// describedOnly reports whether the tables describe the packages at a path.
func describedOnly(p string) bool {
	return slices.ContainsFunc([]string{
		library, "github.com/aws/aws-sdk-go", "github.com/aws/smithy-go", "github.com/aws/aws-secretsmanager-caching-go",
		"go.opentelemetry.io/otel", "golang.org/x", "google.golang.org/protobuf", "go.uber.org/zap", "github.com/rs/zerolog",
	}, func(known string) bool { return strings.HasPrefix(p, known) })
}

// standard reports whether the package is of the standard library: its folder is src/path
// beside a file VERSION.
func standard(pass *analysis.Pass) bool {
	p := pass.Pkg.Path()
	if !isStandard(p) && !strings.HasPrefix(p, "vendor/") && p != "internal" && !strings.HasPrefix(p, "internal/") && !strings.HasPrefix(p, "cmd/") {
		return false
	}
	dir := filepath.ToSlash(filepath.Dir(pass.Fset.Position(pass.Files[0].FileStart).Filename))
	root, ok := strings.CutSuffix(dir, "/src/"+strings.TrimSuffix(p, "_test"))
	if !ok {
		return false
	}
	_, err := os.Stat(filepath.Join(root, "VERSION"))
	return err == nil
}

// build makes the package's SSA form. It does not use the pass buildssa, which would make
// that of the standard library too.
func build(pass *analysis.Pass) *ssa.Package {
	prog := ssa.NewProgram(pass.Fset, ssa.BuilderMode(0))
	made := map[*types.Package]bool{}
	var create func(pkgs []*types.Package)
	create = func(pkgs []*types.Package) {
		for _, p := range pkgs {
			if !made[p] {
				made[p] = true
				prog.CreatePackage(p, nil, nil, true)
				create(p.Imports())
			}
		}
	}
	create(pass.Pkg.Imports())
	pkg := prog.CreatePackage(pass.Pkg, pass.Files, pass.TypesInfo, false)
	pkg.Build()
	return pkg
}

// makeUnits finds the functions and methods of the package.
func (k *checker) makeUnits(pkg *ssa.Package) {
	k.prog = pkg.Prog
	if f := pkg.Func("init"); f != nil {
		k.addUnit(f, nil)
	}
	for _, file := range k.pass.Files {
		ast.Inspect(file, func(n ast.Node) bool {
			if c, ok := n.(*ast.CallExpr); ok {
				k.calls[c.Lparen] = c
			}
			return true
		})
		for _, d := range file.Decls {
			d, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			obj, _ := k.pass.TypesInfo.Defs[d.Name].(*types.Func)
			if obj == nil {
				continue
			}
			if f := k.prog.FuncValue(obj); f != nil && f.Blocks != nil {
				k.addUnit(f, obj)
			}
		}
	}
}

// settle examines each unit until nothing new is found.
func (k *checker) settle() {
	dirty := map[*unit]bool{}
	for _, u := range k.units {
		dirty[u] = true
	}
	for range 12 {
		for len(dirty) > 0 {
			next := map[*unit]bool{}
			for _, u := range k.units {
				if !dirty[u] {
					continue
				}
				before := u.sum.size()
				u.settle()
				if u.sum.size() != before {
					for c := range u.callers {
						next[c] = true
					}
				}
			}
			dirty = next
		}
		k.judgeFields()
		if !k.changed {
			return
		}
		k.changed = false
		clear(k.typed)
		for _, u := range k.units {
			dirty[u] = true
		}
	}
}

// judgeFields takes a field for secret if the package stores nothing but secrets in it, apart
// from constants and the environment.
func (k *checker) judgeFields() {
	for name, o := range k.candidates {
		if k.fields[name] != nil {
			continue
		}
		mixed := slices.ContainsFunc(k.stores[name], func(s fieldStore) bool { return !s.in.neutral(s.value) })
		if !mixed {
			k.fields[name] = o
			k.changed = true
		}
	}
}

// noteCandidate notes that a secret is stored in a field of the package's own types. It leaves out a
// field whose type is a type parameter, since the field may hold no secret in other instances.
func (k *checker) noteCandidate(owner types.Type, f *types.Var, from *origin) {
	n := named(owner)
	if n == nil || n.Obj().Pkg() != k.pass.Pkg || !from.secret() || !textual(f.Origin().Type()) {
		return
	}
	name := fieldName(owner, f)
	if k.candidates[name] != nil || k.publicField(owner, f) || k.secretType(owner) {
		return
	}
	o := *from
	if o.Kind == ofCall {
		o.Kind = ofField
	}
	k.candidates[name] = k.intern(o)
}

// textual reports whether t is a string, bytes, or a pointer to one of them.
func textual(t types.Type) bool {
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return u.Info()&types.IsString != 0
	case *types.Slice:
		b, ok := u.Elem().Underlying().(*types.Basic)
		return ok && b.Kind() == types.Byte
	case *types.Pointer:
		b, ok := u.Elem().Underlying().(*types.Basic)
		return ok && b.Info()&types.IsString != 0
	}
	return false
}

func (k *checker) intern(o origin) *origin {
	if p := k.origins[o]; p != nil {
		return p
	}
	k.origins[o] = &o
	return &o
}

func (k *checker) where(p token.Pos) string {
	at := k.pass.Fset.Position(p)
	if !at.IsValid() {
		return ""
	}
	return fmt.Sprintf("%s:%d", filepath.Base(at.Filename), at.Line)
}

// fact gathers what importers must know.
func (k *checker) fact() *packageFact {
	f := &packageFact{
		Types:  slices.Sorted(maps.Keys(k.types)),
		Public: slices.Sorted(maps.Keys(k.public)),
	}
	for name, o := range k.fields {
		f.Fields = append(f.Fields, about[origin]{name, *o})
	}
	for g, t := range k.globals {
		if g.Object() == nil || !g.Object().Exported() || g.Pkg.Pkg != k.pass.Pkg || len(t) == 0 {
			continue
		}
		a := about[[]flow]{Name: globalName(g)}
		for _, p := range t.sorted() {
			a.What = append(a.What, flow{p.path, *p.from})
		}
		f.Globals = append(f.Globals, a)
	}
	for _, u := range k.units {
		if u.obj != nil && !u.sum.empty() {
			if s := u.sum.export(k.dependency); !s.empty() {
				f.Funcs = append(f.Funcs, about[summary]{funcName(u.obj), *s})
			}
		}
	}
	for name, t := range k.environment {
		for _, p := range t.sorted() {
			f.Environment = append(f.Environment, about[origin]{name, *p.from})
		}
	}
	sortByName(f.Environment)
	sortByName(f.Fields)
	sortByName(f.Globals)
	sortByName(f.Funcs)
	return f
}

func sortByName[V any](list []about[V]) {
	slices.SortStableFunc(list, func(a, b about[V]) int { return strings.Compare(a.Name, b.Name) })
}

func globalName(g *ssa.Global) string { return plainPath(g.Pkg.Pkg.Path()) + "." + g.Name() }

// examined reports whether a function's package has facts if there is something to say.
func (k *checker) examined(f *types.Func) bool {
	p := f.Pkg().Path()
	if isStandard(p) || describedOnly(p) {
		return false
	}
	r := f.Signature().Recv()
	return r == nil || !types.IsInterface(r.Type())
}
