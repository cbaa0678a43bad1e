package secretvet_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/corpus"
)

var update = flag.Bool("update", false, "run gosec too, and write the table of docs/secretvet.md")

// The table stands between these lines of the page.
const (
	page       = repository + "/docs/secretvet.md"
	tableBegin = "<!-- Written by: go test ./secretvet -run Table -update -->\n"
	tableEnd   = "<!-- End -->\n"
	gosec      = "github.com/securego/gosec/v2/cmd/gosec@v2.28.0"
)

// TestTable compares secretvet and gosec on the corpus: leaks found, and harmless uses
// reported. Without -update it checks secretvet's row of the page.
func TestTable(t *testing.T) {
	dir := corpus.Module(t, repository, "testdata/corpus")
	tool := filepath.Join(t.TempDir(), "secretvet")
	corpus.Go(t, "../cmd/secretvet", "build", "-o", tool, ".")
	cases := functions(t, dir)
	ours := count(cases, secretvetFindings(t, tool, dir)).row("secretvet")
	if *update {
		theirs := count(cases, gosecFindings(t, dir)).row("gosec v2.28.0, all rules")
		writeTable(t, ours, theirs)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), ours) {
		t.Errorf("docs/secretvet.md has not this row; run: go test ./secretvet -run Table -update\n%s", ours)
	}
}

// A place is a line of a file, relative to the corpus.
type place struct {
	file string
	line int
}

// A function of the corpus is one case: a leak, or a harmless use.
type function struct {
	file       string
	begin, end int
	leak       bool
}

func functions(t *testing.T, dir string) []function {
	t.Helper()
	var all []function
	for _, folder := range []string{"leaks", "innocent"} {
		files, err := filepath.Glob(filepath.Join(dir, folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			all = append(all, casesOf(t, dir, file, folder == "leaks")...)
		}
	}
	return all
}

// casesOf returns the cases of a file. A function of the leaks that has no comment with
// what is expected only helps another.
func casesOf(t *testing.T, dir, file string, leaks bool) []function {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, src, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	rel, err := filepath.Rel(dir, file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(src, []byte("\n"))
	var all []function
	for _, d := range f.Decls {
		begin, end := fset.Position(d.Pos()).Line, fset.Position(d.End()).Line
		expects := bytes.Contains(bytes.Join(lines[begin-1:end], []byte("\n")), []byte("// want"))
		fn, isFunc := d.(*ast.FuncDecl)
		if expects && leaks || !leaks && isFunc && fn.Recv == nil {
			all = append(all, function{rel, begin, end, leaks})
		}
	}
	return all
}

// A score counts what a tool finds.
type score struct{ leaks, found, harmless, alarms int }

func (s score) row(tool string) string {
	return fmt.Sprintf("| %s | %d of %d | %d of %d |\n", tool, s.found, s.leaks, s.alarms, s.harmless)
}

func count(cases []function, at []place) score {
	var s score
	for _, c := range cases {
		hit := false
		for _, p := range at {
			hit = hit || p.file == c.file && c.begin <= p.line && p.line <= c.end
		}
		switch {
		case c.leak:
			s.leaks++
			if hit {
				s.found++
			}
		default:
			s.harmless++
			if hit {
				s.alarms++
			}
		}
	}
	return s
}

func secretvetFindings(t *testing.T, tool, dir string) []place {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), tool, "./...")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatalf("secretvet found nothing:\n%s", out)
	}
	var at []place
	for l := range strings.Lines(string(out)) {
		if parts := strings.SplitN(strings.TrimPrefix(l, dir+"/"), ":", 3); len(parts) == 3 {
			if n, err := strconv.Atoi(parts[1]); err == nil {
				at = append(at, place{parts[0], n})
			}
		}
	}
	return at
}

// gosecFindings runs gosec as its README says, with all rules.
func gosecFindings(t *testing.T, dir string) []place {
	t.Helper()
	out := corpus.Go(t, dir, "run", gosec, "-fmt=json", "-no-fail", "-quiet", "./...")
	var report struct {
		Issues []struct{ File, Line string }
	}
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatalf("gosec: %v\n%.500s", err, out)
	}
	var at []place
	for _, i := range report.Issues {
		line, _, _ := strings.Cut(i.Line, "-")
		n, err := strconv.Atoi(line)
		rel, relErr := filepath.Rel(dir, i.File)
		if err == nil && relErr == nil {
			at = append(at, place{rel, n})
		}
	}
	return at
}

func writeTable(t *testing.T, rows ...string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), tableBegin)
	_, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", page)
	}
	table := "\n| | leaks found | harmless uses reported |\n| --- | --- | --- |\n" + strings.Join(rows, "") + "\n"
	if err := os.WriteFile(page, []byte(before+tableBegin+table+tableEnd+after), 0o600); err != nil {
		t.Fatal(err)
	}
}
