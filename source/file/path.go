package file

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/typedsecret/typedsecret/internal/local"
	"github.com/typedsecret/typedsecret/secret"
)

// A candidate is a path below the directory where a secret may be.
type candidate struct {
	name string // of the secret
	path string
}

// candidates returns where the file of a secret may be, in the order in which to try. An
// ID that the system would take for the path of another ID's file is refused: to Secrets
// Manager a/../b is a name like any other, and no way to b.
func candidates(id string, windows bool) ([]candidate, error) {
	names := local.Keys(id)
	if windows && len(names) > 1 {
		names = names[1:] // no file of Windows has an ARN's colons in its name
	}
	var all []candidate
	for _, name := range names {
		if why := unfit(name, windows); why != "" {
			return nil, fmt.Errorf("%w: the ID %.200q has %s, so it names no file; the ID of a secret in a file looks like prod/db",
				secret.ErrInvalidRef, id, why)
		}
		paths := []string{filepath.FromSlash(name), strings.ReplaceAll(name, "/", "_")}
		if name[0] == '/' {
			paths = paths[1:] // a path below the directory begins with no slash
		}
		for _, path := range slices.Compact(paths) {
			all = append(all, candidate{name, path})
		}
	}
	return all, nil
}

// isShared reports whether other IDs may lead to the file: an ARN of another account with
// the same name does, and a_b leads to the file of a/b.
func (c candidate) isShared(id string) bool {
	return c.name != id || strings.HasPrefix(id, "arn:") || filepath.Base(c.path) == c.path && strings.Contains(c.path, "_")
}

// unfit returns the part of a name that can't be in a path; "" if the whole name can.
func unfit(name string, windows bool) string {
	steps := strings.Split(strings.TrimPrefix(name, "/"), "/")
	for _, step := range steps {
		switch {
		case step == "":
			return "an empty path step"
		case step == ".", strings.HasPrefix(step, ".."): // such as ..data, the driver's own
			return fmt.Sprintf("the path step %.100q", step)
		case strings.Contains(step, "\x00"):
			return "a NUL"
		}
		if windows {
			if why := unfitOnWindows(step); why != "" {
				return why
			}
		}
	}
	return ""
}

// unfitOnWindows returns the part of a step that Windows would refuse, or take for another
// name; see "Naming Files, Paths, and Namespaces" of its documentation.
func unfitOnWindows(step string) string {
	base, _, _ := strings.Cut(step, ".")
	switch {
	case strings.ContainsAny(step, `\:*?"<>|`), strings.ContainsFunc(step, func(r rune) bool { return r < ' ' }):
		return fmt.Sprintf("the path step %.100q with a character that Windows has no file name with", step)
	case strings.HasSuffix(step, "."), strings.HasSuffix(step, " "):
		return fmt.Sprintf("the path step %.100q, whose end Windows leaves out", step)
	case isDevice(strings.ToUpper(strings.TrimRight(base, " "))):
		return fmt.Sprintf("the path step %.100q, a device of Windows", step)
	}
	return ""
}

func isDevice(name string) bool {
	if slices.Contains([]string{"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}, name) {
		return true
	}
	number, isPort := strings.CutPrefix(name, "COM")
	if !isPort {
		number, isPort = strings.CutPrefix(name, "LPT")
	}
	return isPort && slices.Contains([]string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³"}, number)
}
