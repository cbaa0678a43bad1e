package main

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
)

// A version is a semantic version without build metadata.
type version struct {
	major, minor, patch int
	pre                 string // the part after the hyphen
}

var semantic = regexp.MustCompile(`^v(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})(?:-(` + identifier + `(?:\.` + identifier + `)*))?$`)

// identifier matches an identifier after the hyphen: a number, or a word with a letter.
const identifier = `(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)`

// parse parses a version such as v0.1.0.
func parse(s string) (version, error) {
	m := semantic.FindStringSubmatch(s)
	if m == nil {
		return version{}, fmt.Errorf("%q is no version: write it as v0.1.0, or v0.1.0-rc.1", s)
	}
	v := version{pre: m[4]}
	for i, n := range []*int{&v.major, &v.minor, &v.patch} {
		*n, _ = strconv.Atoi(m[1+i]) // a number of six digits at most
	}
	return v, nil
}

func (v version) String() string {
	s := fmt.Sprintf("v%d.%d.%d", v.major, v.minor, v.patch)
	if v.pre != "" {
		s += "-" + v.pre
	}
	return s
}

// compare orders releases. It ignores the parts of prereleases.
func (v version) compare(w version) int {
	return cmp.Or(cmp.Compare(v.major, w.major), cmp.Compare(v.minor, w.minor), cmp.Compare(v.patch, w.patch))
}

// followers returns the releases that may follow v.
func (v version) followers() []version {
	return []version{{major: v.major, minor: v.minor, patch: v.patch + 1}, {major: v.major, minor: v.minor + 1}, {major: v.major + 1}}
}

// suffix returns the end of the paths of modules of this version.
func (v version) suffix() string {
	if v.major < 2 {
		return ""
	}
	return fmt.Sprintf("/v%d", v.major)
}

// follows reports whether v, or the release that v is a prerelease of, may follow last.
func (v version) follows(last version) bool {
	v.pre = ""
	for _, f := range last.followers() {
		if v == f {
			return true
		}
	}
	return false
}

// next returns the next minor release. Its API may have more than v's, and before v1 also
// less.
func (v version) next() string { return v.followers()[1].String() }

// latest returns the highest release among tags of the form prefix + version. Without
// one it is v0.0.0.
func latest(tags []string, prefix string) (last version) {
	for _, tag := range tags {
		if len(tag) < len(prefix) || tag[:len(prefix)] != prefix {
			continue
		}
		if v, err := parse(tag[len(prefix):]); err == nil && v.pre == "" && v.compare(last) > 0 {
			last = v
		}
	}
	return last
}
