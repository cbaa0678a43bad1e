package local_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/internal/local"
)

func TestAPathIsShownUnlessItMayBeASecret(t *testing.T) {
	for path, shown := range map[string]bool{
		"/mnt/secrets": true, "dev.json": true, "/home/jürgen/my secrets (old)/v1.2_x-y~/a+b,c": true, "../..2026_11_26/db": true, "": true,
		"hunter2!x": false, "db=hunter2": false, "p@ssword": false, "a\x00b": false, "a\nb": false, "a\xffb": false, `"x"`: false, "{x": false, "a$b": false,
		"postgres://u:p@h/d": false, "a#b": false, "a%b": false, "a&b": false, "a;b": false,
	} {
		if got := local.Shown(path); (got == path) != shown || strings.Contains(got, "hunter2") {
			t.Errorf("%q is shown as %q", path, got)
		}
		_, err := os.Open("no-such-directory/" + path)
		if cleaned := local.PathError(err); strings.Contains(cleaned.Error(), "no-such-directory/"+path) != shown ||
			errors.Is(cleaned, fs.ErrNotExist) != errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v became %v", path, err, cleaned)
		}
	}
	if other := errors.New("hunter2"); local.PathError(other) != other {
		t.Error("an error without a path is another")
	}
}
