package readme_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

var ofTheProof = regexp.MustCompile(`none of ([\d,]+) queries failed\. With AWS's client ([\d,]+) of ([\d,]+) `)

func TestTheReadmesFiguresOfTheProofAreThoseOfItsPage(t *testing.T) {
	said := ofTheProof.FindStringSubmatch(read(t, "README.md"))
	if said == nil {
		t.Fatal("README.md does not say how many queries failed")
	}
	for i := range said {
		said[i] = strings.ReplaceAll(said[i], ",", "")
	}
	page := read(t, "docs/rotation.md")
	for _, cell := range []string{"| 0 of " + said[1] + ",", "| " + said[2] + " of " + said[3] + ","} {
		if !strings.Contains(page, cell) {
			t.Errorf("docs/rotation.md has no cell %q", cell)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile("../../" + path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
