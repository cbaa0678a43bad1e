package readme

import (
	"regexp"
	"strings"
	"testing"
)

var ofTheProof = regexp.MustCompile(`none of ([\d,]+) queries failed\. With AWS's client ([\d,]+) of ([\d,]+) `)

func TestTheReadmesFiguresOfTheProofAreThoseOfItsPage(t *testing.T) {
	said := ofTheProof.FindStringSubmatch(text(t, "README.md"))
	if said == nil {
		t.Fatal("README.md does not say how many queries failed")
	}
	for i := range said {
		said[i] = strings.ReplaceAll(said[i], ",", "")
	}
	page := text(t, "docs/rotation.md")
	for _, cell := range []string{"| 0 of " + said[1] + ",", "| " + said[2] + " of " + said[3] + ","} {
		if !strings.Contains(page, cell) {
			t.Errorf("docs/rotation.md has no cell %q", cell)
		}
	}
}
