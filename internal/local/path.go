package local

import (
	"errors"
	"io/fs"
	"runtime"
	"strings"
	"unicode"
)

// Withheld is shown in place of a path that may be a secret.
const Withheld = "(a path that is not shown, since its characters may be those of a secret)"

// Shown returns path for an error, or a text in its place if path may be a secret. In a
// setting such as file:hunter2!x, a user may have written the secret itself in place of a
// path. Shown withholds a path with characters that paths seldom have and secrets often.
func Shown(path string) string {
	plain := "/._-~+,() " // allowed beside letters and digits
	if runtime.GOOS == "windows" {
		plain += `\:`
	}
	odd := func(r rune) bool {
		return r == unicode.ReplacementChar || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(plain, r)
	}
	if strings.ContainsFunc(path, odd) {
		return Withheld
	}
	return path
}

// PathError returns an error of the system about a path, with the path as [Shown] returns
// it. It wraps the system's reason.
func PathError(err error) error {
	e, ok := errors.AsType[*fs.PathError](err)
	if !ok || Shown(e.Path) == e.Path {
		return err
	}
	return &fs.PathError{Op: e.Op, Path: Withheld, Err: e.Err}
}
