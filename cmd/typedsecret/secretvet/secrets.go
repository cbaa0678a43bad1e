package secretvet

import (
	"go/ast"
	"go/types"
	"regexp"
	"slices"
	"strings"
)

// publicDirective on a field or variable, or on the line of a sink, says that the value
// is not secret.
const publicDirective = "//typedsecret:public"

// sdkSecrets lists the fields of the AWS SDKs' types that hold a secret.
var sdkSecrets = func() map[string][]string {
	both := []string{"SecretString", "SecretBinary"}
	const v2, v1 = "github.com/aws/aws-sdk-go-v2/service/secretsmanager", "github.com/aws/aws-sdk-go/service/secretsmanager"
	return map[string][]string{
		v2 + ".GetSecretValueOutput":    both,
		v2 + "/types.SecretValueEntry":  both,
		v2 + ".GetRandomPasswordOutput": {"RandomPassword"},
		v1 + ".GetSecretValueOutput":    both,
		v1 + ".SecretValueEntry":        both,
		v1 + ".GetRandomPasswordOutput": {"RandomPassword"},
	}
}()

// plainNames are the keys of an RDS secret that say where the database is, and names of
// metadata. In a map, and in a struct that no handle has as its T, they are not taken for
// secrets.
var plainNames = []string{
	"host", "hostname", "port", "engine", "dbname", "database", "region",
	"dbinstanceidentifier", "dbclusteridentifier", "instanceid", "endpoint",
	"createdby", "updatedby", "version",
}

// checksumName matches names of hashes of a secret.
var checksumName = regexp.MustCompile(`(?i)sha[0-9]+|md5|check_?sum|fingerprint|digest|hash`)

func plainName(name string) bool {
	return slices.Contains(plainNames, strings.ToLower(name)) || checksumName.MatchString(name)
}

// fieldName returns the full name of a field, or "" if its struct has no name.
func fieldName(owner types.Type, f *types.Var) string {
	n := named(owner)
	if n == nil {
		return ""
	}
	return typeName(n) + "." + f.Name()
}

// collectTypes finds the T of each handle that the package names: the type arguments of
// Secret, ByID and Getter wherever one is the type of an expression, so that a T that
// went through a generic wrapper is found too.
func (k *checker) collectTypes() {
	for _, tv := range k.pass.TypesInfo.Types {
		k.collectType(tv.Type)
	}
	for _, inst := range k.pass.TypesInfo.Instances {
		k.collectType(inst.Type)
	}
}

func (k *checker) collectType(t types.Type) {
	switch u := types.Unalias(t).(type) {
	case *types.Tuple:
		for v := range u.Variables() {
			k.collectType(v.Type())
		}
		return
	case *types.Signature:
		k.collectType(u.Results())
		return
	}
	n := named(t)
	if n == nil || n.TypeArgs().Len() != 1 || typeLibrary(n) == "" {
		return
	}
	of := named(n.TypeArgs().At(0))
	if of == nil || of.Obj().Pkg() == nil || inLibrary(of.Obj().Pkg()) && !k.home || isStandard(of.Obj().Pkg().Path()) {
		return
	}
	if _, ok := of.Underlying().(*types.Interface); !ok {
		k.types[typeName(of)] = true
	}
}

// typeLibrary returns the name of a handle's type, or "".
func typeLibrary(n *types.Named) string {
	switch name := strings.TrimPrefix(typeName(n), library+"."); name {
	case "Secret", "ByID", "Getter":
		return name
	}
	return ""
}

// isStandard guesses from its path whether a package is of the standard library.
func isStandard(p string) bool {
	first, _, _ := strings.Cut(p, "/")
	return !strings.Contains(first, ".") && standardRoots[first]
}

var standardRoots = func() map[string]bool {
	m := map[string]bool{}
	for r := range strings.FieldsSeq("archive bufio bytes cmp compress container context crypto database debug embed encoding errors expvar flag fmt go hash html image index io iter log maps math mime net os path plugin reflect regexp runtime slices sort strconv strings structs sync syscall testing text time unicode unique unsafe weak") {
		m[r] = true
	}
	return m
}()

// collectPublic finds the fields with the directive, and the lines on which it excuses a
// sink.
func (k *checker) collectPublic() {
	for _, file := range k.pass.Files {
		for _, g := range file.Comments {
			for _, c := range g.List {
				if isPublic(c) {
					at := k.pass.Fset.Position(c.Pos())
					k.publicLines[line{at.Filename, at.Line}] = true
				}
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if f, ok := n.(*ast.Field); ok && (hasPublic(f.Doc) || hasPublic(f.Comment)) {
				for _, name := range fieldNames(f) {
					k.publicVars[k.pass.TypesInfo.Defs[name]] = true
				}
			}
			if v, ok := n.(*ast.ValueSpec); ok && (hasPublic(v.Doc) || hasPublic(v.Comment)) {
				for _, name := range v.Names {
					k.publicVars[k.pass.TypesInfo.Defs[name]] = true
				}
			}
			return true
		})
	}
	for _, name := range k.pass.Pkg.Scope().Names() {
		t, ok := k.pass.Pkg.Scope().Lookup(name).(*types.TypeName)
		if !ok {
			continue
		}
		s, ok := t.Type().Underlying().(*types.Struct)
		if !ok {
			continue
		}
		for f := range s.Fields() {
			if k.publicVars[f] {
				k.public[fieldName(t.Type(), f)] = true
			}
		}
	}
}

// fieldNames returns the names of fields that are declared together; an embedded one has
// that of its type.
func fieldNames(f *ast.Field) []*ast.Ident {
	if len(f.Names) > 0 {
		return f.Names
	}
	t := f.Type
	for {
		switch e := t.(type) {
		case *ast.StarExpr:
			t = e.X
		case *ast.IndexExpr:
			t = e.X
		case *ast.SelectorExpr:
			return []*ast.Ident{e.Sel}
		case *ast.Ident:
			return []*ast.Ident{e}
		default:
			return nil
		}
	}
}

func isPublic(c *ast.Comment) bool {
	rest, ok := strings.CutPrefix(c.Text, publicDirective)
	return ok && (rest == "" || rest[0] == ' ' || rest[0] == '\t')
}

func hasPublic(g *ast.CommentGroup) bool { return g != nil && slices.ContainsFunc(g.List, isPublic) }

// publicField reports whether the program says that a field is not secret.
func (k *checker) publicField(owner types.Type, f *types.Var) bool {
	if k.publicVars[f.Origin()] {
		return true
	}
	name := fieldName(owner, f)
	if k.public[name] || k.im.public[name] {
		return true
	}
	if secret, ok := sdkSecrets[typeName(named(owner))]; ok {
		return !slices.Contains(secret, f.Name())
	}
	return !k.secretType(owner) && (plainName(f.Name()) || errorFields[name])
}

// secretType reports whether t is, or points to, a type whose values are secret.
func (k *checker) secretType(t types.Type) bool {
	n := named(t)
	if n == nil {
		return false
	}
	name := typeName(n)
	return k.types[name] || k.im.types[name]
}

// sealed reports whether no way of printing a value of type t shows what is in it: handles,
// Payload, Redacted.
func sealed(t types.Type) bool {
	n := named(t)
	return n != nil && inLibrary(n.Obj().Pkg()) && methodOf(n, "Format") != nil
}

// spread returns the paths of a secret value of type t: of a struct its fields, except
// those that are public.
func (k *checker) spread(t types.Type, depth int) []path {
	if sealed(t) {
		return nil
	}
	s := structOf(t)
	if s == nil || depth == 0 || opaqueStruct(t) {
		return []path{""}
	}
	var paths []path
	for f := range s.Fields() {
		if k.publicField(t, f) || !k.holds(t, f) {
			continue
		}
		for _, p := range k.spread(f.Type(), depth-1) {
			paths = append(paths, join(fieldPath(f.Name()), p))
		}
	}
	return paths
}

// spreadTaint says of each field what t says of the whole of a value of type typ.
func (k *checker) spreadTaint(t taint, typ types.Type) taint {
	if typ == nil || structOf(typ) == nil {
		return t
	}
	wide := taint{}
	for p := range t {
		if p.path != "" {
			wide[p] = true
			continue
		}
		for _, q := range k.spread(typ, 2) {
			o := *p.from
			if o.Kind == ofParam {
				o.Path = join(o.Path, q)
			}
			wide[pair{q, k.intern(o)}] = true
		}
	}
	return wide
}

// opaqueStruct reports whether only methods get at what is in a struct.
func opaqueStruct(t types.Type) bool {
	s := structOf(t)
	for f := range s.Fields() {
		if f.Exported() {
			return false
		}
	}
	n := named(t)
	return n != nil && n.Obj().Pkg() != nil && (isStandard(n.Obj().Pkg().Path()) || inLibrary(n.Obj().Pkg()))
}

// typePairs returns what is secret in any value of type t.
func (k *checker) typePairs(t types.Type) taint {
	if got, ok := k.typed[t]; ok {
		return got
	}
	found := taint{}
	k.findPairs(t, "", 3, found)
	k.typed[t] = found
	return found
}

func (k *checker) findPairs(t types.Type, at path, depth int, found taint) {
	t = types.Unalias(t)
	if c := writerClass(t); c != "" {
		found[pair{at, k.writer(c)}] = true
		return
	}
	if n := named(t); n != nil {
		if sealed(t) {
			return
		}
		name := typeName(n)
		if _, sdk := sdkSecrets[name]; sdk || k.secretType(t) {
			for _, p := range k.spread(t, 3) {
				found[pair{join(at, p), k.typeOrigin(n, p)}] = true
			}
			return
		}
	}
	if depth == 0 {
		return
	}
	switch u := t.Underlying().(type) {
	case *types.Pointer:
		if _, ok := u.Elem().Underlying().(*types.Pointer); !ok {
			k.findPairs(u.Elem(), at, depth, found)
		}
	case *types.Struct:
		for f := range u.Fields() {
			if k.publicField(t, f) {
				continue
			}
			p := join(at, fieldPath(f.Name()))
			if o := k.fieldOrigin(t, f); o != nil {
				found[pair{p, o}] = true
				continue
			}
			k.findPairs(f.Type(), p, depth-1, found)
		}
	case *types.Slice:
		k.findPairs(u.Elem(), join(at, "[]"), depth-1, found)
	case *types.Array:
		k.findPairs(u.Elem(), join(at, "[]"), depth-1, found)
	case *types.Chan:
		k.findPairs(u.Elem(), join(at, "[]"), depth-1, found)
	case *types.Map:
		k.findPairs(u.Key(), join(at, keysPath), depth-1, found)
		k.findPairs(u.Elem(), join(at, "[]"), depth-1, found)
	}
}

func (k *checker) writer(c class) *origin { return k.intern(origin{Kind: ofWriter, What: string(c)}) }

// typeOrigin returns the origin of what is at p in a value of a secret type.
func (k *checker) typeOrigin(n *types.Named, p path) *origin {
	what := "secret type " + n.Obj().Name()
	if strings.HasPrefix(p, ".") {
		what = "field " + n.Obj().Name() + p
	}
	return k.intern(origin{Kind: ofType, What: what, Where: k.where(n.Obj().Pos())})
}

// fieldOrigin returns the secret that is stored in a field somewhere, or nil.
func (k *checker) fieldOrigin(owner types.Type, f *types.Var) *origin {
	name := fieldName(owner, f)
	if name == "" {
		return nil
	}
	if o := k.fields[name]; o != nil {
		return o
	}
	if o, ok := k.im.fields[name]; ok {
		return k.intern(o)
	}
	return nil
}

// writerClass returns where others see what is written to a value of type t: an HTTP
// response, the output of fmt's verbs. It is "" for other types.
func writerClass(t types.Type) class {
	switch typeName(named(t)) {
	case "net/http.ResponseWriter", "github.com/gin-gonic/gin.ResponseWriter", "github.com/labstack/echo.Response":
		return classResponse
	case "fmt.State":
		return classLog
	}
	return ""
}

// holds reports whether a field of a secret struct is secret too. A field of a T is, unless it is a
// bool or a time. In another struct that a secret is decoded into, a number is no secret either.
func (k *checker) holds(owner types.Type, f *types.Var) bool {
	if b, ok := f.Type().Underlying().(*types.Basic); ok && k.secretType(owner) {
		return b.Info()&types.IsBoolean == 0
	}
	return carries(f.Type())
}

// carries reports whether what a function makes of a secret may hold the secret's text if
// it is of type t.
func carries(t types.Type) bool {
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return u.Info()&types.IsString != 0 || u.Kind() == types.UnsafePointer
	case *types.Signature, *types.Chan:
		return false
	case *types.Struct:
		n := named(t)
		return typeName(n) != "time.Time"
	}
	return typeName(named(t)) != "context.Context"
}
