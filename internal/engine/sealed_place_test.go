package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/internal/observed"
	"github.com/typedsecret/typedsecret/secret"
)

func TestNewSaysThatTheSealedFileCanNotBeWritten(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	type row struct {
		path string
		want error
	}
	rows := map[string]row{
		"the folder is a file":    {filepath.Join(file, "secrets.sealed"), syscall.ENOTDIR},
		"the folder is missing":   {filepath.Join(dir, "missing", "secrets.sealed"), fs.ErrNotExist},
		"its parent is missing":   {filepath.Join(dir, "missing", "too", "secrets.sealed"), fs.ErrNotExist},
		"a link to nowhere":       {filepath.Join(link(t, filepath.Join(dir, "nowhere")), "secrets.sealed"), fs.ErrNotExist},
		"a link to a file":        {filepath.Join(link(t, file), "secrets.sealed"), syscall.ENOTDIR},
		"the folder is read-only": {filepath.Join(readOnly(t), "secrets.sealed"), fs.ErrPermission},
	}
	if runtime.GOOS == "linux" {
		rows["no files are made there, by nobody"] = row{"/proc/secrets.sealed", fs.ErrNotExist}
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			if name == "the folder is read-only" && os.Getuid() == 0 && !refusesRoot(filepath.Dir(row.path)) {
				t.Skip("SKIPPED: this test runs as root, whom no folder here refuses; run it as another user")
			}
			c, err := engine.New(serving(), engine.Config{}.WithSealedFile(row.path, gcm(t, "key")))
			if err == nil {
				c.Close()
				t.Fatal("New says nothing")
			}
			for _, want := range []error{engine.ErrInvalidConfig, engine.ErrSealedFile, row.want} {
				if !errors.Is(err, want) {
					t.Errorf("%v is not in: %v", want, err)
				}
			}
			const remedy = "; make the directory, or give the path of a file in one where this process may create files"
			if row.want == fs.ErrNotExist {
				wantInDocument(t, row.path, err)
			}
			if !strings.Contains(err.Error(), "WithSealedFile: ") || !strings.Contains(err.Error(), row.path) || !strings.HasSuffix(err.Error(), remedy) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the missing folder was made: %v", err)
	}
}

// wantInDocument checks that docs/failures.md has an error about the file at path in these
// words.
func wantInDocument(t *testing.T, path string, err error) {
	t.Helper()
	page, readErr := os.ReadFile("../../docs/failures.md")
	text := strings.ReplaceAll(err.Error(), path, "/var/lib/app/secrets.sealed")
	text, _, _ = strings.Cut(text, " (no other fetch for ")
	if readErr != nil || !strings.Contains(string(page), "`"+strings.ReplaceAll(text, "secret db@", "secret prod/db@")) {
		t.Errorf("docs/failures.md does not say: %s (%v)", text, readErr)
	}
}

// link returns a symbolic link to a path.
func link(t *testing.T, to string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// readOnly returns a folder in which nobody may create files: for root, one of the kernel's
// if there is one.
func readOnly(t *testing.T) string {
	t.Helper()
	if refusesRoot("/sys") {
		return "/sys"
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	return dir
}

func refusesRoot(dir string) bool {
	f, err := os.CreateTemp(dir, "")
	if err == nil {
		f.Close()
		os.Remove(f.Name())
	}
	return errors.Is(err, fs.ErrPermission)
}

func TestNewLeavesNothingBesideTheSealedFileAndTouchesItNot(t *testing.T) {
	for name, content := range map[string]string{"there is a file": "of somebody else", "there is none": ""} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "secrets.sealed")
			want := 0
			if content != "" {
				want = 1
				if err := os.WriteFile(path, []byte(content), 0o400); err != nil {
					t.Fatal(err)
				}
			}
			open(t, serving(), engine.Config{}.WithSealedFile(path, gcm(t, "key"))).Close()
			if left, err := os.ReadDir(dir); err != nil || len(left) != want {
				t.Errorf("there are %v, %v", left, err)
			}
			if data, _ := os.ReadFile(path); string(data) != content {
				t.Errorf("the file holds %q", data)
			}
		})
	}
}

// TestValidateDoesNotAskForTheFolder, which may be there in production alone.
func TestValidateDoesNotAskForTheFolder(t *testing.T) {
	if err := (engine.Config{}).WithSealedFile(filepath.Join(t.TempDir(), "missing", "f"), gcm(t, "key")).Validate(); err != nil {
		t.Error(err)
	}
}

// TestAHugeSealedFileIsRefusedBeforeItIsRead, and the reader and the Observer learn it.
func TestAHugeSealedFileIsRefusedBeforeItIsRead(t *testing.T) {
	for name, row := range map[string]struct {
		maxSize, size, bound int
	}{
		"MaxSize by default":  {0, 1 << 30, 1 << 27},
		"just above":          {0, 1<<27 + 1, 1 << 27},
		"a small MaxSize":     {1, 1 << 30, 1 << 27},
		"a larger MaxSize":    {2048, 1 << 30, 1 << 28},
		"the largest MaxSize": {1 << 24, 1<<30 + 1, 1 << 30},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "secrets.sealed")
			if err := os.WriteFile(path, []byte("TYPDSECR\x00\x02"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(path, int64(row.size)); err != nil {
				t.Fatal(err)
			}
			s, j := serving("db"), &observed.Journal{}
			s.fail(secret.ErrUnavailable)
			c := open(t, s, engine.Config{MaxSize: row.maxSize, Observer: j}.WithSealedFile(path, gcm(t, "key")))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := c.Get(t.Context(), ref("db"))
			runtime.ReadMemStats(&after)
			if took := after.TotalAlloc - before.TotalAlloc; took > 1<<24 {
				t.Errorf("it took %d bytes of memory", took)
			}
			failed := observed.Of[hook.SealedFileFailed](j)
			if len(failed) != 1 || failed[0].Path != path {
				t.Fatalf("events: %v", failed)
			}
			if name == "MaxSize by default" {
				wantInDocument(t, path, err)
			}
			says := fmt.Sprintf("reading %s: the file is too large: it has %d bytes, and %d are the most that are read", path, row.size, row.bound)
			for who, err := range map[string]error{"the reader": err, "the Observer": failed[0].Err} {
				if !errors.Is(err, engine.ErrSealedFile) || !strings.Contains(err.Error(), says) {
					t.Errorf("%s got %v, want %s", who, err, says)
				}
			}
		})
	}
}

// TestASealedFileOfTheLargestSecretsIsRead: what MaxSize allows fits the bound on the file.
func TestASealedFileOfTheLargestSecretsIsRead(t *testing.T) {
	const many, size = 64, 1 << 16
	id := func(i int) string { return fmt.Sprintf("%04d%s", i, strings.Repeat("<", 508)) } // the most that a name may have
	s := secret.SourceFunc(func(_ context.Context, ref secret.Ref) (secret.Value, error) {
		stages := make([]string, 20)
		for i := range stages {
			stages[i] = strings.Repeat("&", 256)
		}
		return secret.Value{
			Payload: secret.StringPayload(strings.Repeat("x", size)), Name: ref.ID, ARN: strings.Repeat("a", 2048),
			VersionID: strings.Repeat("v", 64), Stages: stages,
		}, nil
	})
	path := filepath.Join(t.TempDir(), "secrets.sealed")
	c := open(t, s, engine.Config{}.WithSealedFile(path, gcm(t, "key")))
	for i := range many {
		get(t, c, id(i))
	}
	c.Close()
	info, err := os.Stat(path)
	if err != nil || info.Size() > many<<17 {
		t.Errorf("the file of %d secrets has %d bytes, %v; the bound has it that each takes at most %d", many, info.Size(), err, 1<<17)
	}
	after, _ := startInOutage(t, path, secret.ErrUnavailable, engine.Config{})
	if got := get(t, after, id(many-1)); len(got) != size {
		t.Errorf("read %d bytes", len(got))
	}
}

// sealedAs writes a sealed file of a format, of this text.
func sealedAs(t *testing.T, path string, version byte, plain string) {
	t.Helper()
	sealer := gcm(t, "key")
	size := 12 + len(plain) + sealer.Overhead()
	header := append([]byte("TYPDSECR\x00"), version, 0, 0, 0, 0, 0, 0, byte(size>>8), byte(size))
	data := append(header, make([]byte, 12)...)
	data = sealer.Seal(data, data[len(header):], []byte(plain), header)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestASealedFileOfOtherContentIsRefusedAndReplaced. An older format says nothing of
// refusals.
func TestASealedFileOfOtherContentIsRefusedAndReplaced(t *testing.T) {
	const value = `"value":{"payload":"ZGIgdjE=","created":"2000-01-01T00:00:00Z","fetched":"2000-01-01T00:00:00Z"}`
	for name, row := range map[string]struct {
		version     byte
		plain, says string // says "": it is what this version of the library writes
	}{
		"this format":                              {2, `{"written":"2000-01-01T00:00:00Z","records":[{"id":"db","stage":"AWSCURRENT",` + value + `}]}`, ""},
		"an older format":                          {1, `[{"id":"db","stage":"AWSCURRENT","payload":"ZGIgdjE=","fetched":"2000-01-01T00:00:00Z"}]`, "older than this version of the library reads: version 1"},
		"a list":                                   {2, `[{"id":"db","stage":"AWSCURRENT",` + value + `}]`, "it holds no list of values; remove it"},
		"no JSON":                                  {2, `db v1`, "it holds no list of values; remove it"},
		"a record that says nothing":               {2, `{"records":[{"id":"db","stage":"AWSCURRENT"}]}`, "it holds no list of values; remove it"},
		"a refusal of no kind":                     {2, `{"records":[{"id":"db","stage":"AWSCURRENT",` + value + `,"refused":{"kinds":0}}]}`, "it holds no list of values; remove it"},
		"a refusal of a kind that is not known":    {2, `{"records":[{"id":"db","stage":"AWSCURRENT",` + value + `,"refused":{"kinds":32}}]}`, "it holds no list of values; remove it"},
		"a value of a secret that is gone":         {2, `{"records":[{"id":"db","stage":"AWSCURRENT",` + value + `,"refused":{"kinds":1}}]}`, "it holds no list of values; remove it"},
		"a refusal that keeps a value that is not": {2, `{"records":[{"id":"db","stage":"AWSCURRENT","refused":{"kinds":4}}]}`, "it holds no list of values; remove it"},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "secrets.sealed")
				sealedAs(t, path, row.version, row.plain)
				c, s := startInOutage(t, path, secret.ErrUnavailable, engine.Config{Backoff: every(time.Second)})
				_, err := c.Get(t.Context(), ref("db"))
				if row.says == "" {
					if err != nil {
						t.Error(err)
					}
					return
				}
				if !errors.Is(err, engine.ErrSealedFile) || !strings.Contains(err.Error(), path+": ") || !strings.Contains(err.Error(), row.says) {
					t.Errorf("got %v", err)
				}
				s.mend()
				time.Sleep(2 * time.Second)
				get(t, c, "db")
				c.Close()
				after, _ := startInOutage(t, path, secret.ErrUnavailable, engine.Config{})
				wantGet(t, after, "db", "db v1")
			})
		})
	}
}
