package readme

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCodeThatRunsNowhereIsFound(t *testing.T) {
	running := codeLines("a := 1\n\n\tb := 2 // why\nc := 3\n")
	for code, want := range map[string]int{
		"a := 1\nb := 2 // why":        2,
		"a := 1\n// …\nc  := 3":        3,
		"// …\nc := 3":                 2,
		"a := 1\n\nc  := 3":            1,
		"c := 3\na := 1":               1,
		"a := 1\n// …\nc := 3\nd := 4": 3,
		"b := 2":                       0,
	} {
		blocks := blocks("# Text\n```sh\nls\n```\n```go\n" + code + "\n```\nmore\n")
		if len(blocks) != 1 || found(blocks[0], running) != want {
			t.Errorf("%q: %v", code, blocks)
		}
	}
}

func TestSourcesNamesTheFileOfEachBlock(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"README.md":                 "```go\na := 1\n// …\nb := 2\n```\n```go\nc := 3\n```\n```go\na := 1\n```\n",
		"example_test.go":           "a := 1\n// c := 3\nb := 2\n",
		"deep/down/example_test.go": "c := 3\n",
		"other_test.go":             "c := 3\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Sources(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"deep/down/example_test.go", "example_test.go"}, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}

	if err := os.Remove(filepath.Join(dir, "deep/down/example_test.go")); err != nil {
		t.Fatal(err)
	}
	if _, err = Sources(dir); err == nil || !strings.Contains(err.Error(), `"c := 3"`) {
		t.Errorf("a block that is in no example: %v", err)
	}
}
