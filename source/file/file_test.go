package file_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/file"
	"github.com/typedsecret/typedsecret/source/sourcetest"
)

// A mount is a directory as the CSI driver lays it out: db is a link to ..data/db, and
// ..data one to a directory that is there anew at each change.
type mount struct {
	dir     string
	changes int
	written time.Time // of all files, if set: the clocks of file systems are coarse
}

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// put makes or replaces the file of a secret, and with it all.
func (m *mount) put(t testing.TB, name string, content []byte) {
	t.Helper()
	m.changes++
	next := fmt.Sprintf("..2026_11_26_12_00_%d", m.changes)
	check(t, os.Mkdir(filepath.Join(m.dir, next), 0o755))
	data := filepath.Join(m.dir, "..data")
	old, _ := os.ReadDir(data)
	for _, e := range old {
		content, err := os.ReadFile(filepath.Join(data, e.Name()))
		check(t, err)
		check(t, os.WriteFile(filepath.Join(m.dir, next, e.Name()), content, 0o644))
	}
	check(t, os.WriteFile(filepath.Join(m.dir, next, name), content, 0o644))
	if !m.written.IsZero() {
		check(t, os.Chtimes(filepath.Join(m.dir, next, name), m.written, m.written))
	}
	last, _ := os.Readlink(data)
	check(t, os.Symlink(next, data+"_tmp"))
	check(t, os.Rename(data+"_tmp", data))
	if _, err := os.Lstat(filepath.Join(m.dir, name)); err != nil {
		check(t, os.Symlink(filepath.Join("..data", name), filepath.Join(m.dir, name)))
	}
	if last != "" { // step 11 of the driver's AtomicWriter: readers may be in there
		check(t, os.RemoveAll(filepath.Join(m.dir, last)))
	}
}

func (m *mount) remove(t testing.TB, name string) { check(t, os.Remove(filepath.Join(m.dir, name))) }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, dir string) *file.Source {
	t.Helper()
	s, err := file.New(dir)
	check(t, err)
	return s
}

func TestConformance(t *testing.T) {
	m := &mount{dir: t.TempDir()}
	sourcetest.Run(t, sourcetest.Harness{
		Source:     open(t, m.dir),
		Put:        func(t testing.TB, id, value string) { m.put(t, id, []byte(value)) },
		Rotate:     func(t testing.TB, id, value string) { m.put(t, id, []byte(value)) },
		Remove:     func(t testing.TB, id string) { m.remove(t, id) },
		VersionIDs: true,
		Failures: map[sourcetest.Failure]func(testing.TB) func(){
			sourcetest.Unreachable: func(t testing.TB) func() { // it is unmounted
				check(t, os.Rename(m.dir, m.dir+".away"))
				return func() { check(t, os.Rename(m.dir+".away", m.dir)) }
			},
		},
	})
}

func TestWhichFileASecretIsIn(t *testing.T) {
	dir := t.TempDir()
	check(t, os.Mkdir(filepath.Join(dir, "dir"), 0o755))
	for path, content := range map[string]string{
		"plain": "1", "dir/nested": "2", "prod_flat": "3", "_abs": "4", "bin": "\xff\x00", "prod_arn-a1B2c3": "5",
		"prod": "not this", "db": "not this", "db-master": "6", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod_mounted-a1B2c3": "7",
	} {
		check(t, os.WriteFile(filepath.Join(dir, path), []byte(content), 0o600))
	}
	const arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"
	for id, want := range map[string]string{
		"plain": "1", "dir/nested": "2", "prod/flat": "3", "/abs": "4", "bin": "\xff\x00",
		arn + "prod/flat": "3", arn + "prod/flat-a1B2c3": "3", arn + "prod/arn-a1B2c3": "5",
		arn + "db-master": "6", arn + "prod/mounted-a1B2c3": "7",
	} {
		v, err := open(t, dir).Fetch(t.Context(), secret.Ref{ID: id})
		if err != nil || v.Payload.Reveal() != want || v.Payload.IsBinary() != (id == "bin") || v.VersionID == "" || strings.HasPrefix(v.Name, "arn:") {
			t.Errorf("%s: %+v, %v", id, v, err)
		}
	}
}

func TestNothingOutsideTheDirectoryIsRead(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "secrets")
	check(t, os.Mkdir(dir, 0o755))
	check(t, os.WriteFile(filepath.Join(parent, "outside"), []byte("hunter2"), 0o600))
	check(t, os.Symlink("../outside", filepath.Join(dir, "link")))
	check(t, os.Symlink(filepath.Join(parent, "outside"), filepath.Join(dir, "absolute")))
	check(t, os.Symlink("..", filepath.Join(dir, "up")))
	for id, says := range map[string]string{
		"link": "link leads out of " + dir, "absolute": "absolute leads out of " + dir, "up/outside": "up/outside leads out of " + dir,
		"up": "up leads out of " + dir, filepath.Join(parent, "outside"): "there is no file " + dir + "/_",
	} {
		v, err := open(t, dir).Fetch(t.Context(), secret.Ref{ID: id})
		if !errors.Is(err, secret.ErrNotFound) || v.Payload.Reveal() != "" || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %+v, %v, want it to say %q", id, v, err, says)
		}
	}
}

func TestASwapIsNeverReadHalf(t *testing.T) {
	m := &mount{dir: t.TempDir(), written: noon}
	content := func(n int) string { return strings.Repeat(fmt.Sprint(n%10), 50_000) }
	m.put(t, "db", []byte(content(0)))
	source := open(t, m.dir)
	ctx, cancel := context.WithCancel(t.Context())
	var contents sync.Map // the first byte of each version
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for ctx.Err() == nil {
				v, err := source.Fetch(t.Context(), secret.Ref{ID: "db"})
				if got := v.Payload.Reveal(); err != nil || got != strings.Repeat(got[:1], 50_000) {
					t.Errorf("%d bytes, %v", len(got), err)
					return
				} else if first, _ := contents.LoadOrStore(v.VersionID, got[0]); first != got[0] {
					t.Errorf("the version %s is of two contents", v.VersionID)
					return
				}
			}
		})
	}
	for n := range 300 {
		m.put(t, "db", []byte(content(n)))
	}
	cancel()
	readers.Wait()
}

func TestASwapIsAVersionIfTheBytesChange(t *testing.T) {
	m := &mount{dir: t.TempDir(), written: noon}
	source := open(t, m.dir)
	last := ""
	for n, content := range []string{"one", "one", "two", "two", "one"} {
		m.put(t, "db", []byte(content))
		v, err := source.Fetch(t.Context(), secret.Ref{ID: "db"})
		if isNew := v.VersionID != last; isNew != (n%2 == 0) || v.Payload.Reveal() != content || err != nil || !v.Created.Equal(noon) {
			t.Errorf("%d: %+v, %v, after the version %q", n, v, err, last)
		}
		last = v.VersionID
	}
}

func TestWhatAFileCantHold(t *testing.T) {
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "huge"), make([]byte, file.MaxSize+1), 0o600))
	check(t, os.WriteFile(filepath.Join(dir, "db"), []byte("x"), 0o600))
	check(t, os.Symlink("loop", filepath.Join(dir, "loop")))
	for ref, want := range map[secret.Ref]error{
		{ID: "huge"}:                     secret.ErrInvalidRequest,
		{ID: "db", Stage: "AWSPREVIOUS"}: secret.ErrNotFound,
		{ID: "db/below-a-file"}:          secret.ErrNotFound,
		{ID: "loop"}:                     secret.ErrNotFound,
		{ID: strings.Repeat("n", 300)}:   secret.ErrNotFound,
	} {
		if _, err := open(t, dir).Fetch(t.Context(), ref); !errors.Is(err, want) {
			t.Errorf("%v: %v", ref, err)
		}
	}
	check(t, os.Mkdir(filepath.Join(dir, "sub"), 0o755))
	for id, says := range map[string]string{
		"sub": filepath.Join(dir, "sub") + " is no regular file", "x/db": "there is no file " + dir + "/x/db, and there is no file " + dir + "/x_db",
	} {
		if _, err := open(t, dir).Fetch(t.Context(), secret.Ref{ID: id}); !errors.Is(err, secret.ErrNotFound) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", id, err)
		}
	}
	none := filepath.Join(dir, "db")
	if _, err := open(t, none).Fetch(t.Context(), secret.Ref{ID: "db"}); !errors.Is(err, secret.ErrUnavailable) || !strings.Contains(err.Error(), none+" is no directory") {
		t.Errorf("a directory that is none: %v", err)
	}
	if _, err := file.New(""); err == nil {
		t.Error("no directory, and no error")
	}
	if _, err := new(file.Source).Fetch(t.Context(), secret.Ref{ID: "db"}); err == nil {
		t.Error("a Source that New did not make, and no error")
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "mount") // in a pod, /mnt/secrets say
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "prod_api-key"), []byte("hunter2"), 0o600); err != nil {
		panic(err)
	}
	source, err := file.New(dir)
	if err != nil {
		panic(err)
	}
	v, err := source.Fetch(context.Background(), secret.Ref{ID: "prod/api-key"})
	fmt.Println(v.Payload.Reveal(), err)
	// Output: hunter2 <nil>
}
