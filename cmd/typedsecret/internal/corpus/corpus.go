// Package corpus makes modules of test data that use the real typedsecret, AWS SDK, caching
// client and OpenTelemetry, in the versions that this repository uses.
package corpus

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const library = "github.com/typedsecret/typedsecret"

// Module copies the folder from into a module named corpus, and returns its folder. root is
// that of this repository.
func Module(t testing.TB, root, from string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs(root)
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
	write(t, filepath.Join(dir, "go.sum"), sums.Bytes())
	write(t, filepath.Join(dir, "go.mod"), []byte("module corpus\n\ngo 1.26.0\n\nreplace "+library+" => "+root+"\n"))
	Go(t, dir, "mod", "edit",
		"-require="+library+"@v0.0.0",
		"-require=github.com/aws/aws-sdk-go-v2@v1.48.0",
		"-require=github.com/aws/aws-sdk-go-v2/service/secretsmanager@v1.50.11",
		"-require=github.com/aws/aws-secretsmanager-caching-go/v2@v2.2.0",
		"-require=go.opentelemetry.io/otel@v1.47.0",
		"-require=go.opentelemetry.io/otel/trace@v1.47.0")
	Go(t, dir, "mod", "tidy", "-e")
	return dir
}

func write(t testing.TB, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Go runs the go command in a folder, and returns what it prints.
func Go(t testing.TB, dir string, args ...string) []byte {
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
