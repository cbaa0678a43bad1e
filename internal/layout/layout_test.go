// Package layout tests the layout of the library: the imports of each package, the
// dependencies of the module, and the sizes of the root folder and of test files.
package layout_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/typedsecret/typedsecret"

// root is the library's folder, relative to this one.
const root = "../.."

// A listed is what go list prints about a package.
type listed struct {
	Dir, ImportPath, Name string
	GoFiles, Imports      []string
}

func listPackages(t *testing.T) (pkgs []listed) {
	t.Helper()
	out := goTool(t, "list", "-json=Dir,ImportPath,Name,GoFiles,Imports", "./...")
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

func goTool(t *testing.T, args ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Fatalf("put the go command on the PATH, this test asks it: %v", err)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return out
}

// TestImportsPointDownwards lists which of the module's packages each package may import.
// Programs may import all.
func TestImportsPointDownwards(t *testing.T) {
	allowed := map[string][]string{
		"":                  {"backoff", "codec", "cache", "hook", "secret", "source", "source/awssm", "status"},
		"codec":             {},
		"backoff":           {},
		"hook":              {"secret"},
		"secrettest":        {"cache", "source/awssm"},
		"notify":            {"backoff", "secret"},
		"notify/notifytest": {"notify"},
		"rejected":          {},
		"secret":            {},
		"status":            {},
		"cache":             {"backoff", "hook", "notify", "secret", "status"},
		"source/sourcetest": {"secret"},
		"source":            {"cache", "secret", "source/agent", "source/awssm", "source/env", "source/failover", "source/file", "source/static"},
		"source/agent":      {"secret", "source/awssm"},
		"source/awssm":      {"secret"},
		"source/env":        {"secret"},
		"source/failover":   {"secret", "source/awssm"},
		"source/file":       {"secret"},
		"source/static":     {"secret"},
		"sqlsecret":         {"", "backoff", "rejected"},
		"httpsecret":        {""},
		"tlssecret":         {""},
		"statuspage":        {"", "cache", "hook", "secret", "status"},

		"internal/document":   {"codec"},
		"internal/engine":     {"backoff", "hook", "notify", "secret", "status"},
		"internal/handletest": {"", "backoff", "cache", "hook", "secret", "secrettest"}, // for tests
		"internal/local":      {"secret"},
		"internal/observed":   {"hook"}, // for tests
	}
	seen := 0
	for _, p := range listPackages(t) {
		name := relative(p.ImportPath)
		if p.Name == "main" {
			continue
		}
		may, known := allowed[name]
		switch {
		case known:
			seen++
		case !isInternal(p.ImportPath):
			t.Errorf("package %s has no place in the layout", name)
		}
		for _, path := range p.Imports {
			ours := path == module || strings.HasPrefix(path, module+"/")
			if ours && !isInternal(path) && !slices.Contains(may, relative(path)) {
				t.Errorf("package %s imports %s", p.ImportPath, path)
			}
		}
	}
	if seen != len(allowed) {
		t.Errorf("%d of %d packages were found", seen, len(allowed))
	}
}

func relative(path string) string {
	return strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
}

func isInternal(path string) bool { return slices.Contains(strings.Split(path, "/"), "internal") }

func TestModuleDependsOnWhatItMayAndNoMore(t *testing.T) {
	var mod struct {
		Go      string
		Require []struct {
			Path, Version string
			Indirect      bool
		}
	}
	if err := json.Unmarshal(goTool(t, "mod", "edit", "-json"), &mod); err != nil {
		t.Fatal(err)
	}
	var direct []string
	for _, r := range mod.Require {
		switch {
		case r.Indirect:
		case r.Path == "github.com/elastic/go-freelru":
			direct = append(direct, r.Path+"@"+r.Version)
		default:
			direct = append(direct, r.Path)
		}
	}
	want := []string{
		"github.com/aws/aws-sdk-go-v2",
		"github.com/aws/aws-sdk-go-v2/config",
		"github.com/aws/aws-sdk-go-v2/credentials",
		"github.com/aws/aws-sdk-go-v2/service/secretsmanager",
		"github.com/aws/aws-sdk-go-v2/service/sts",
		"github.com/aws/smithy-go",
		"github.com/elastic/go-freelru@v0.16.0",
		"github.com/google/go-cmp",
		"golang.org/x/sync",
	}
	if diff := cmp.Diff(want, direct); diff != "" {
		t.Errorf("direct requirements (-want +got):\n%s", diff)
	}
	if mod.Go != "1.26.0" {
		t.Errorf("go.mod says go %s", mod.Go)
	}
}

func TestEverythingExportedIsDocumented(t *testing.T) {
	for _, p := range listPackages(t) {
		fset := token.NewFileSet()
		var files []*ast.File
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		if len(files) == 0 {
			continue // tests only
		}
		d, err := doc.NewFromFiles(fset, files, p.ImportPath)
		if err != nil {
			t.Fatal(err)
		}
		if d.Doc == "" {
			t.Errorf("package %s has no comment", p.ImportPath)
		}
		if p.Name == "main" || isInternal(p.ImportPath) {
			continue
		}
		for _, name := range undocumented(d) {
			t.Errorf("%s.%s has no comment", p.ImportPath, name)
		}
	}
}

// TestTheRootShowsTheLibraryAtAGlance: only features of a handle are in the root folder.
func TestTheRootShowsTheLibraryAtAGlance(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(files); n == 0 || n > 40 {
		t.Errorf("the root folder has %d Go files; at most 40 should be there: "+
			"tests of the library as a whole stand in internal/promises", n)
	}
}

// TestModulesForUsersStandInTheirFolders checks the modules that need other people's
// libraries: carriers stand in notify, commands in cmd, and the rest in recipes.
func TestModulesForUsersStandInTheirFolders(t *testing.T) {
	folders := []string{"recipes", "notify", "cmd"}
	text, err := os.ReadFile(filepath.Join(root, "internal/release/modules.txt"))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(string(text)) {
		word, dir, _ := strings.Cut(strings.TrimSpace(line), " ")
		if word != "release" || dir == "." {
			continue
		}
		if seen++; !slices.Contains(folders, filepath.Dir(dir)) {
			t.Errorf("the module %s is released and stands in none of %q", dir, folders)
		}
	}
	if seen == 0 {
		t.Error("no module was found")
	}
}

// TestTestFilesAreShort looks at all modules. A longer file is to be split by subject.
func TestTestFilesAreShort(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if n := bytes.Count(text, []byte("\n")); n > 400 {
			t.Errorf("%s has %d lines; split it by subject", path, n)
		}
		seen++
		return err
	})
	if err != nil || seen < 100 {
		t.Errorf("%d files were seen: %v", seen, err)
	}
}

func undocumented(d *doc.Package) (names []string) {
	funcs := slices.Clone(d.Funcs)
	for _, typ := range d.Types {
		if typ.Doc == "" {
			names = append(names, typ.Name)
		}
		// A constant of a type may be documented by the type's comment, or on its own line.
		funcs = slices.Concat(funcs, typ.Funcs, typ.Methods)
	}
	for _, v := range slices.Concat(d.Consts, d.Vars) {
		if v.Doc == "" {
			names = append(names, fmt.Sprint(v.Names))
		}
	}
	for _, f := range funcs {
		if f.Doc == "" {
			names = append(names, strings.TrimPrefix(f.Recv+".", ".")+f.Name)
		}
	}
	return names
}

func TestUndocumentedIsFound(t *testing.T) {
	const source = `package p
		type T struct{}
		func (T) M() {}
		func F() {}
		var V int
		// D is documented.
		const D = 1
		func hidden() {}`
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "p.go", source, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	d, err := doc.NewFromFiles(fset, []*ast.File{f}, "p")
	if err != nil {
		t.Fatal(err)
	}
	got := undocumented(d)
	slices.Sort(got)
	if diff := cmp.Diff([]string{"F", "T", "T.M", "[V]"}, got); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
}
