package secretvet_test

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/tools/go/analysis/analysistest"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/corpus"
	"github.com/typedsecret/typedsecret/cmd/typedsecret/secretvet"
)

// repository is the root of this repository.
const repository = "../../.."

// TestCorpus finds each leak of the corpus where a comment expects it, and nothing else.
func TestCorpus(t *testing.T) {
	dir := corpus.Module(t, repository, "testdata/corpus")
	analysistest.Run(noFacts{t}, dir, secretvet.Analyzer, "./...")
}

// TestFixes applies the fixes: [REDACTED] is shown instead, where the program still compiles.
func TestFixes(t *testing.T) {
	dir := corpus.Module(t, repository, "testdata/fixes")
	analysistest.RunWithSuggestedFixes(noFacts{t}, dir, secretvet.Analyzer, "./...")
}

// TestCgo follows secrets through C's strings. It needs a C compiler.
func TestCgo(t *testing.T) {
	t.Setenv("CGO_ENABLED", "1")
	dir := corpus.Module(t, repository, "testdata/cgo")
	analysistest.Run(noFacts{t}, dir, secretvet.Analyzer, "./...")
}

// TestTestFiles sets the flag for the secrets of tests, which are left out else.
func TestTestFiles(t *testing.T) {
	flags := &secretvet.Analyzer.Flags
	if err := flags.Set("testfiles", "true"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := flags.Set("testfiles", "false"); err != nil {
			t.Error(err)
		}
	})
	dir := corpus.Module(t, repository, "testdata/testfiles")
	analysistest.Run(noFacts{t}, dir, secretvet.Analyzer, "./...")
}

// noFacts leaves out what analysistest says of facts, which the findings show.
type noFacts struct{ t *testing.T }

func (n noFacts) Errorf(format string, args ...any) {
	if s := fmt.Sprintf(format, args...); !strings.Contains(s, "unexpected fact") {
		n.t.Error(s)
	}
}
