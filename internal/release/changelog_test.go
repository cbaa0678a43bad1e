package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheChangelogIsClosed(t *testing.T) {
	const (
		head = "# Changelog\n\nText.\n\n"
		tail = "\n\n### Added\n\n- A thing.\n\n## [0.1.0] - 2026-01-01\n\n- First.\n"
	)
	got, err := closed(head+unreleased+tail, "v0.2.0", "2026-11-29", false)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(head+unreleased+"\n\n## [0.2.0] - 2026-11-29"+tail, got); diff != "" {
		t.Errorf("closed (-want +got):\n%s", diff)
	}
	for _, tt := range []struct {
		name, text, version, want string
		mayBeEmpty                bool
	}{
		{"no heading", head, "v0.2.0", "one line must be", true},
		{"a heading that is not a whole line", head + "see " + unreleased + "\n", "v0.2.0", "one line must be", true},
		{"two headings", unreleased + "\n- a\n" + unreleased + "\n- b\n", "v0.2.0", "one line must be", false},
		{"a version that has its section", head + unreleased + tail, "v0.1.0", "section ## [0.1.0] already", false},
		{"nothing to release", head + unreleased + "\n\n## [0.1.0] - 2026-01-01\n- a\n", "v0.2.0", "empty", false},
		{"headings and links alone", unreleased + "\n\n### Added\n\n[Unreleased]: https://example.com\n", "v0.2.0", "empty", false},
		{"nothing to release, in a check", head + unreleased + "\n\n## [0.1.0] - 2026-01-01\n- a\n", "v0.2.0", "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := closed(tt.text, tt.version, "2026-11-29", tt.mayBeEmpty)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, want %q", err, tt.want)
			}
		})
	}
}
