package daemon

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// Find returns the paths of programs that belong together. They are from PATH if all are
// there, and otherwise from the first folder that has all of them. The patterns are those
// of filepath.Glob. If a pattern matches several folders, the one with the newest version
// comes first. Find returns nil if no folder has all programs.
func Find(programs, patterns []string) []string {
	if found := lookUp("", programs); found != nil {
		return found
	}
	for _, pattern := range patterns {
		dirs, err := filepath.Glob(pattern)
		if err != nil {
			continue // a bad pattern matches nothing
		}
		slices.SortFunc(dirs, func(a, b string) int { return slices.Compare(version(b), version(a)) })
		for _, dir := range dirs {
			if found := lookUp(dir, programs); found != nil {
				return found
			}
		}
	}
	return nil
}

func lookUp(dir string, programs []string) []string {
	var found []string
	for _, program := range programs {
		path, err := exec.LookPath(filepath.Join(dir, program))
		if err != nil {
			return nil
		}
		found = append(found, path)
	}
	return found
}

var number = regexp.MustCompile(`[0-9]+`)

// version returns the numbers in a path. By these, 15 sorts after 9.6.
func version(path string) []int {
	var v []int
	for _, digits := range number.FindAllString(path, -1) {
		n, _ := strconv.Atoi(digits)
		v = append(v, n)
	}
	return v
}
