package readme

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the library's folder, seen from here.
const root = "../.."

// A reference is a file in backquotes, and perhaps a colon and names that it declares.
var reference = regexp.MustCompile("`([\\w/]+\\.go)`(?:: (`\\w+`(?:, `\\w+`)*))?")

// TestArchitectureNamesWhatIsThere: docs/architecture.md names files that exist, and what
// they declare.
func TestArchitectureNamesWhatIsThere(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs/architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, match := range reference.FindAllStringSubmatch(string(text), -1) {
		file := match[1]
		if strings.HasSuffix(file, "_test.go") && !strings.Contains(file, "/") {
			file = "internal/engine/" + file
		}
		code, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Error(err)
			continue
		}
		for name := range strings.SplitSeq(strings.ReplaceAll(match[2], "`", ""), ", ") {
			declared := fmt.Sprintf(`(?m)^(func (\([^)]*\) )?|type |const |var |\t)%s\b`, name)
			if seen++; !regexp.MustCompile(declared).Match(code) {
				t.Errorf("%s does not declare %s", file, name)
			}
		}
	}
	if seen < 60 {
		t.Errorf("only %d references were found", seen)
	}
}
