package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// unreleased is the heading of what the next release brings.
const unreleased = "## [Unreleased]"

// closeChangelog closes the changelog in a file. A check may have nothing to close.
func closeChangelog(file, version, date string, mayBeEmpty bool) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	closed, err := closed(string(text), version, date, mayBeEmpty)
	if err != nil {
		return fmt.Errorf("CHANGELOG.md: %w", err)
	}
	return os.WriteFile(file, []byte(closed), 0o644)
}

// closed returns a changelog in which the section Unreleased has become that of a
// version.
func closed(text, version, date string, mayBeEmpty bool) (string, error) {
	before, after, ok := strings.Cut("\n"+text, "\n"+unreleased+"\n")
	if !ok || strings.Contains("\n"+after, "\n"+unreleased+"\n") {
		return "", fmt.Errorf("one line must be %q", unreleased)
	}
	heading := "## [" + strings.TrimPrefix(version, "v") + "]"
	if strings.Contains("\n"+text, "\n"+heading) {
		return "", fmt.Errorf("it has a section %s already", heading)
	}
	section, _, _ := strings.Cut("\n"+after, "\n## ")
	if strings.TrimSpace(section) == "" && !mayBeEmpty {
		return "", errors.New("its section Unreleased is empty: say what this release brings")
	}
	return strings.TrimPrefix(before, "\n") + "\n" + unreleased + "\n\n" + heading + " - " + date + "\n" + after, nil
}
