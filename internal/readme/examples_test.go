package readme

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// shown are the packages whose exported things have Examples. Those of source/sourcetest
// and backoff have a few settings, and their package comments show them.
var shown = []string{
	".", "cache", "secret", "codec", "hook", "notify", "notify/notifytest", "secrettest", "rejected", "sqlsecret", "httpsecret", "tlssecret", "source",
	"source/agent", "source/awssm", "source/env", "source/failover", "source/file", "source/static", "source/sourcetest", "backoff",
	"notify/redis", "notify/sqs", "notify/nats",
}

// unshown are the things that no Example shows: nobody makes or calls them by name first.
var unshown = map[string][]string{
	".":                 {"Handle", "Option"},
	"secret":            {"Via"},
	"secrettest":        {"EventDetail", "EventFunc", "RotationFunc", "Request"},
	"hook":              {"Observer", "Totals"},
	"notify":            {"Kind"},
	"notify/redis":      {"Client"},
	"source/awssm":      {"ErrorOf"},
	"source/env":        {"Source"}, // the Example of the package makes one
	"source/sourcetest": {"Failure"},
	"backoff":           {"Jitter"},
}

// TestEachThingThatAUserReachesForHasAnExample: each exported function and type has one of
// its own, or is in the code of another.
func TestEachThingThatAUserReachesForHasAnExample(t *testing.T) {
	for _, dir := range shown {
		pkg, examples, code := parse(t, dir)
		has := func(name string) bool {
			return slices.ContainsFunc(examples, func(example string) bool {
				return example == name || strings.HasPrefix(example, name+"_")
			})
		}
		var lacking []string
		look := func(names ...string) {
			used := regexp.MustCompile(`\b` + pkg.Name + `\.` + names[0] + `\b`).MatchString(code)
			if !used && !slices.ContainsFunc(names, has) && !slices.Contains(unshown[dir], names[0]) {
				lacking = append(lacking, names[0])
			}
		}
		for _, f := range pkg.Funcs {
			look(f.Name)
		}
		for _, typ := range pkg.Types {
			names := []string{typ.Name}
			for _, f := range typ.Funcs {
				names = append(names, f.Name)
				look(f.Name, typ.Name)
			}
			look(names...)
		}
		if len(lacking) > 0 {
			t.Errorf("%s: without an Example: %s", dir, strings.Join(lacking, " "))
		}
	}
}

// parse returns what a package exports, the names of its Examples without the word, and the
// code of the files that have them.
func parse(t *testing.T, dir string) (pkg *doc.Package, examples []string, shown string) {
	t.Helper()
	fset := token.NewFileSet()
	var files []*ast.File
	names, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatal(dir, err)
	}
	for _, name := range names {
		code, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(fset, name, code, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(name, "_test.go") {
			files = append(files, file)
			continue
		}
		found := doc.Examples(file)
		for _, e := range found {
			examples = append(examples, e.Name)
		}
		if len(found) > 0 {
			shown += string(code)
		}
	}
	pkg, err = doc.NewFromFiles(fset, files, dir)
	if err != nil {
		t.Fatal(err)
	}
	return pkg, examples, shown
}
