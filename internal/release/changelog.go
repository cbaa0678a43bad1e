package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// unreleased is the heading of the changes in the next release.
const unreleased = "## [Unreleased]"

// headings matches lines that are no changes: headings, and the targets of links.
var headings = regexp.MustCompile(`(?m)^(#|\[[^]]+\]:).*$`)

// closed returns a changelog whose section Unreleased has become that of a version.
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
	if strings.TrimSpace(headings.ReplaceAllString(section, "")) == "" && !mayBeEmpty {
		return "", errors.New("its section Unreleased is empty: say what this release brings")
	}
	return strings.TrimPrefix(before, "\n") + "\n" + unreleased + "\n\n" + heading + " - " + date + "\n" + after, nil
}
