package readme

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

// link is that of Markdown, to a page or a picture.
var link = regexp.MustCompile(`\]\(([^()\s]+)\)`)

// TestLinksLeadSomewhere: to a file of the repository, and to a heading in it.
func TestLinksLeadSomewhere(t *testing.T) {
	seen := 0
	for _, page := range pages(t) {
		body := fence.ReplaceAllString(text(t, page), "")
		for _, m := range link.FindAllStringSubmatch(body, -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			seen++
			if err := follow(page, m[1]); err != nil {
				t.Errorf("%s: the link %s: %v", page, m[1], err)
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d links were found", seen)
	}
}

// follow returns an error if a link of a page leads nowhere.
func follow(page, target string) error {
	name, anchor, _ := strings.Cut(target, "#")
	file := page
	if name != "" {
		file = path.Join(path.Dir(page), name)
	}
	info, err := os.Stat(filepath.Join(root, file))
	if err != nil {
		return err
	}
	if anchor == "" {
		return nil
	}
	if info.IsDir() {
		file = path.Join(file, "README.md")
	}
	markdown, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		return err
	}
	if !anchors(string(markdown))[anchor] {
		return fmt.Errorf("%s has no such heading", file)
	}
	return nil
}

// heading is one with number signs.
var heading = regexp.MustCompile(`(?m)^#+ (.*)$`)

// anchors returns the names by which GitHub links the headings of a page.
func anchors(markdown string) map[string]bool {
	names := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(markdown, ""), -1) {
		text := link.ReplaceAllString(strings.ReplaceAll(m[1], "[", ""), "")
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, text)
		for n, first := 1, name; names[name]; n++ {
			name = fmt.Sprintf("%s-%d", first, n)
		}
		names[name] = true
	}
	return names
}

func TestAnchorsAreThoseOfGitHub(t *testing.T) {
	const page = "# The `Do` of [a page](b.md)\n## What's 1.5 — and *new*?\n```sh\n# none\n```\n## Again\n## Again\n"
	got := anchors(page)
	want := map[string]bool{"the-do-of-a-page": true, "whats-15--and-new": true, "again": true, "again-1": true}
	if diff := cmp.Diff(want, maps.Collect(maps.All(got))); diff != "" {
		t.Errorf("anchors (-want +got):\n%s", diff)
	}
}

func TestALinkThatLeadsNowhereIsFound(t *testing.T) {
	for target, ok := range map[string]bool{
		"architecture.md": true, "../README.md": true, "none.md": false,
		"architecture.md#the-one-lock": true, "architecture.md#the-two-locks": false, "#what-the-policy-rules": true,
	} {
		if err := follow("docs/architecture.md", target); (err == nil) != ok {
			t.Errorf("%s: %v", target, err)
		}
	}
}
