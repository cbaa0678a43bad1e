package file_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/file"
)

const arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"

func TestWhereTheFileOfAnIDMayBe(t *testing.T) {
	for name, row := range map[string]struct {
		id            string
		here, windows []string
	}{
		"a name":          {"db", []string{"db"}, []string{"db"}},
		"a path":          {"prod/db", []string{"prod/db", "prod_db"}, []string{"prod/db", "prod_db"}},
		"a leading slash": {"/prod/db", []string{"_prod_db"}, []string{"_prod_db"}},
		"dots":            {".a/b..c/d.", []string{".a/b..c/d.", ".a_b..c_d."}, nil},
		"a device":        {"prod/nul", []string{"prod/nul", "prod_nul"}, nil},
		"a full ARN": {
			arn + "a/b-a1B2c3",
			[]string{arn + "a/b-a1B2c3", arn + "a_b-a1B2c3", "a/b-a1B2c3", "a_b-a1B2c3", "a/b", "a_b"},
			[]string{"a/b-a1B2c3", "a_b-a1B2c3", "a/b", "a_b"},
		},
		"a suffix that is none": {arn + "db-a_b.c=", []string{arn + "db-a_b.c=", "db-a_b.c="}, []string{"db-a_b.c="}},
		"up in an account":      {"arn:aws:secretsmanager:x:a/../..:secret:db", nil, []string{"db"}},
	} {
		t.Run(name, func(t *testing.T) {
			for windows, want := range map[bool][]string{false: row.here, true: row.windows} {
				got, err := file.Paths(row.id, windows)
				if diff := cmp.Diff(want, got); diff != "" || (err == nil) != (want != nil) {
					t.Errorf("windows %v: %v (-want +got):\n%s", windows, err, diff)
				}
			}
		})
	}
}

func TestAnIDThatIsNoPathOfItsOwnIsRefused(t *testing.T) {
	for name, row := range map[string]struct {
		id, why string
		windows bool // there alone
	}{
		"up":                   {"tenant/../prod/db", `the path step ".."`, false},
		"up at the beginning":  {"../prod/db", `the path step ".."`, false},
		"up at the end":        {"tenant/..", `the path step ".."`, false},
		"up after a slash":     {"/../db", `the path step ".."`, false},
		"the directory":        {".", `the path step "."`, false},
		"here":                 {"tenant/./db", `the path step "."`, false},
		"what the driver made": {"..data/db", `the path step "..data"`, false},
		"nothing":              {"", "an empty path step", false},
		"a slash":              {"/", "an empty path step", false},
		"two slashes":          {"tenant//db", "an empty path step", false},
		"two at the beginning": {"//db", "an empty path step", false},
		"one at the end":       {"tenant/", "an empty path step", false},
		"NUL":                  {"db\x00.txt", "a NUL", false},
		"up in an ARN":         {arn + "../db", `the path step ".."`, false},
		"up in a suffix":       {arn + "db-x/../y", `the path step ".."`, false},
		"a backslash":          {`tenant\..\db`, "a character that Windows", true},
		"a drive":              {"C:/db", "a character that Windows", true},
		"a stream":             {"db::$DATA", "a character that Windows", true},
		"a wildcard":           {"tenant*/db", "a character that Windows", true},
		"a line's end":         {"db\n", "a character that Windows", true},
		"a device":             {"nul", "a device of Windows", true},
		"with an extension":    {"tenant/Com1.txt", "a device of Windows", true},
		"with a space":         {"tenant/aux .x", "a device of Windows", true},
		"a superscript":        {"lpt\u00b9", "a device of Windows", true},
		"a console":            {"conin$", "a device of Windows", true},
		"a dot at the end":     {"tenant./db", "whose end Windows leaves out", true},
		"a space at the end":   {"db ", "whose end Windows leaves out", true},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := file.Paths(row.id, true)
			if !errors.Is(err, secret.ErrInvalidRef) || !strings.Contains(err.Error(), fmt.Sprintf("the ID %q has ", row.id)) ||
				!strings.Contains(err.Error(), row.why) {
				t.Errorf("on Windows: %v, want it to say %q", err, row.why)
			}
			if _, err := file.Paths(row.id, false); errors.Is(err, secret.ErrInvalidRef) == row.windows {
				t.Errorf("elsewhere: %v", err)
			}
		})
	}
	if _, err := file.Paths(strings.Repeat("../", 600), false); err == nil || len(err.Error()) > 500 {
		t.Errorf("of a long ID: %v", err)
	}
}

func TestAFileIsOfOneID(t *testing.T) {
	dir := t.TempDir()
	check(t, os.Mkdir(filepath.Join(dir, "tenant"), 0o755))
	for _, path := range []string{"prod_db", "tenant/db", "key"} {
		check(t, os.WriteFile(filepath.Join(dir, path), []byte("hunter2"), 0o600))
	}
	const other = "arn:aws:secretsmanager:eu-west-1:999999999999:secret:"
	for name, row := range map[string]struct{ first, again, refused string }{
		"a slash and an underscore":     {"prod/db", "prod/db", "prod_db"},
		"an underscore and a slash":     {"prod_db", "prod_db", "prod/db"},
		"an ARN of each":                {"prod/db", arn + "prod/db", arn + "prod_db"},
		"ARNs of two accounts":          {arn + "tenant/db", "tenant/db", other + "tenant/db"},
		"a name between two ARNs":       {"key", arn + "key-a1B2c3", other + "key-a1B2c3"},
		"ARNs of two secrets in turn":   {arn + "key-a1B2c3", arn + "key", arn + "key-d4E5f6"},
		"the account is known later on": {"prod_db", arn + "prod_db", other + "prod_db"},
	} {
		t.Run(name, func(t *testing.T) {
			source := open(t, dir)
			for _, id := range []string{row.first, row.again, row.first} {
				if _, err := source.Fetch(t.Context(), secret.Ref{ID: id}); err != nil {
					t.Errorf("%s: %v", id, err)
				}
			}
			v, err := source.Fetch(t.Context(), secret.Ref{ID: row.refused})
			if !errors.Is(err, secret.ErrInvalidRef) || v.Payload.Reveal() != "" {
				t.Fatalf("%s: %v", row.refused, err)
			}
			says := func(id string) bool { return strings.Contains(err.Error(), fmt.Sprintf("the ID %q", id)) }
			if !says(row.refused) || !says(row.first) && !says(row.again) {
				t.Errorf("the error does not name both IDs: %v", err)
			}
		})
	}
}

func TestAFileThatWasRemovedMayBeOfAnotherID(t *testing.T) {
	path := filepath.Join(t.TempDir(), "prod_db")
	source := open(t, filepath.Dir(path))
	for _, id := range []string{"prod/db", "prod_db"} {
		check(t, os.WriteFile(path, []byte(id), 0o600))
		if v, err := source.Fetch(t.Context(), secret.Ref{ID: id}); v.Payload.Reveal() != id || err != nil {
			t.Errorf("%s: %v", id, err)
		}
		check(t, os.Remove(path))
		if _, err := source.Fetch(t.Context(), secret.Ref{ID: id}); !errors.Is(err, secret.ErrNotFound) {
			t.Errorf("%s, removed: %v", id, err)
		}
	}
}

func TestALinkInsideTheDirectoryIsFollowed(t *testing.T) {
	m := &mount{dir: t.TempDir()}
	m.put(t, "db", []byte("hunter2"))
	check(t, os.Symlink("db", filepath.Join(m.dir, "alias")))
	for _, id := range []string{"db", "alias"} {
		if v, err := open(t, m.dir).Fetch(t.Context(), secret.Ref{ID: id}); v.Payload.Reveal() != "hunter2" || err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
}
