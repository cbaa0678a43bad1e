package secretvet_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/go/analysis/analysistest"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/secretvet"
)

// repository is the root of this repository.
const repository = "../../.."

// module copies a folder of testdata into a module that uses the real typedsecret, AWS SDK,
// caching client and OpenTelemetry, in the versions that this repository uses.
func module(t testing.TB, folder string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", folder))); err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs(repository)
	if err != nil {
		t.Fatal(err)
	}
	var sums bytes.Buffer
	for _, m := range []string{".", "bench", "recipes/otelsecret"} {
		sum, err := os.ReadFile(filepath.Join(root, m, "go.sum"))
		if err != nil {
			t.Fatal(err)
		}
		sums.Write(sum)
	}
	if err := os.WriteFile(filepath.Join(dir, "go.sum"), sums.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	mod := "module corpus\n\ngo 1.26.0\n\nreplace " + library + " => " + root + "\n"
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o600); err != nil {
		t.Fatal(err)
	}
	goTool(t, dir, "mod", "edit",
		"-require="+library+"@v0.0.0",
		"-require=github.com/aws/aws-sdk-go-v2@v1.48.0",
		"-require=github.com/aws/aws-sdk-go-v2/service/secretsmanager@v1.50.11",
		"-require=github.com/aws/aws-secretsmanager-caching-go/v2@v2.2.0",
		"-require=go.opentelemetry.io/otel@v1.47.0",
		"-require=go.opentelemetry.io/otel/trace@v1.47.0")
	goTool(t, dir, "mod", "tidy", "-e")
	return dir
}

const library = "github.com/typedsecret/typedsecret"

func goTool(t testing.TB, dir string, args ...string) []byte {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %v: %v\n%s", args, err, &stderr)
	}
	return out
}

func TestCorpus(t *testing.T) {
	analysistest.Run(noFacts{t}, module(t, "corpus"), secretvet.Analyzer, "./...")
}

// noFacts leaves out what analysistest says of facts, which the findings show.
type noFacts struct{ t *testing.T }

func (n noFacts) Errorf(format string, args ...any) {
	if s := fmt.Sprintf(format, args...); !strings.Contains(s, "unexpected fact") {
		n.t.Error(s)
	}
}
