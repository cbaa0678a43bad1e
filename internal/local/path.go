package local

import (
	"errors"
	"io/fs"
	"runtime"
	"strings"
	"unicode"
)

// withheld stands for a path that is not shown.
const withheld = "(a path that is not shown, since its characters may be those of a secret)"

// Shown returns the form in which an error shows a path that may be a secret: the path,
// unless it has a character that paths seldom have and secrets often. In a setting such as
// file:hunter2!x the secret itself may stand where a path belongs.
func Shown(path string) string {
	plain := "/._-~+,() " // beside letters and digits
	if runtime.GOOS == "windows" {
		plain += `\:`
	}
	odd := func(r rune) bool {
		return r == unicode.ReplacementChar || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(plain, r)
	}
	if strings.ContainsFunc(path, odd) {
		return withheld
	}
	return path
}

// PathError returns an error of the system about a path that it could not open, with the
// path as [Shown] has it. It wraps the system's reason.
func PathError(err error) error {
	e, ok := errors.AsType[*fs.PathError](err)
	if !ok || Shown(e.Path) == e.Path {
		return err
	}
	return &fs.PathError{Op: e.Op, Path: withheld, Err: e.Err}
}
