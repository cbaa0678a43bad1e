package sealed

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// age sets the time at which a file was last written to a time in the past.
func age(t *testing.T, path string, by time.Duration) {
	t.Helper()
	then := time.Now().Add(-by)
	if err := os.Chtimes(path, then, then); err != nil {
		t.Fatal(err)
	}
}

func TestLeftoversOfKilledProcessesAreRemovedAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	stay := []string{
		"b", ".b.tmp", ".b..tmp", ".b.notes.tmp", ".b.12x.tmp", ".b.-12.tmp", ".b.12.tmpx", "x.b.12.tmp", ".b.12", "b.12.tmp",
		".b.c.12.tmp", // for the file b.c
		".a.12.tmp",   // for the file a
	}
	for _, name := range append(stay, ".b.12.tmp", ".b.4294967295.tmp", ".b.13.tmp") {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		age(t, filepath.Join(dir, name), 2*abandoned)
	}
	age(t, filepath.Join(dir, ".b.13.tmp"), abandoned/2) // its process is still writing
	if err := os.Mkdir(filepath.Join(dir, ".b.14.tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	age(t, filepath.Join(dir, ".b.14.tmp"), 2*abandoned)
	if err := open(t, filepath.Join(dir, "b"), aead("key")).Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	want := append(stay, ".b.13.tmp", ".b.14.tmp")
	slices.Sort(want)
	var got []string
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAFileOfMoreBytesThanTheBoundIsNeitherReadNorWritten(t *testing.T) {
	const most = 1000
	path := filepath.Join(t.TempDir(), "f")
	f, err := New(path, aead("key"), most)
	if err != nil {
		t.Fatal(err)
	}
	overhead := headerSize + aead("key").NonceSize() + aead("key").Overhead()
	fits := bytes.Repeat([]byte{'x'}, most-overhead)
	if err := f.Write(fits); err != nil {
		t.Fatal(err)
	}
	if got, err := f.Read(); err != nil || !bytes.Equal(got, fits) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	err = f.Write(append(fits, 'x'))
	if says := "sealing " + path + ": the file is too large: it would have 1001 bytes, and 1000 are the most that are read"; !errors.Is(err, ErrTooLarge) ||
		!strings.HasPrefix(err.Error(), says) {
		t.Errorf("got %v, want %s", err, says)
	}
	if err := os.Truncate(path, 1<<40); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = f.Read()
	runtime.ReadMemStats(&after)
	checkRefused(t, path, err, ErrTooLarge, "it has 1099511627776 bytes, and 1000 are the most that are read; give the path of another file, a larger MaxSize, ")
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("it took %d bytes of memory", took)
	}
}

func TestADirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, dir + string(filepath.Separator), filepath.Join(dir, "none") + "/", ".", ".."} {
		if _, err := New(path, aead("key"), 1<<20); err == nil || !strings.Contains(err.Error(), "names no file; give one such as ") {
			t.Errorf("%s: %v", path, err)
		}
	}
	path := filepath.Join(dir, "later")
	f := open(t, path, aead("key"))
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := f.Read()
	checkRefused(t, path, err, ErrFormat, "it is a directory")
	if err := f.Write([]byte(text)); err == nil || !strings.Contains(err.Error(), "replacing "+path) {
		t.Errorf("written: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("there are %v", left)
	}
}

func TestAFailureOfTheFileSystemNamesTheStepAndThePath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none", "f")
	err := open(t, path, aead("key")).Write([]byte(text))
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "creating a file beside "+path+": ") {
		t.Errorf("got %v", err)
	}
	if strings.Count(err.Error(), path) != 1 {
		t.Errorf("the path is not there once: %v", err)
	}
}

func TestProbeDoesWhatTheFirstStepOfAWriteDoesAndUndoesIt(t *testing.T) {
	for step, name := range map[int]string{0: "no step", 1: "create", 3: "remove"} {
		t.Run("failing at "+name, func(t *testing.T) {
			d := newFragile()
			d.fail, d.with = step, syscall.EROFS
			err := openFragile(t, d).Probe()
			if step == 0 {
				if err != nil || len(d.existing()) != 0 {
					t.Errorf("%v; there are %v", err, d.existing())
				}
				return
			}
			if !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), onFragile+": ") || !strings.HasSuffix(err.Error(), otherDir) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// oneAtATime is the file system. It records whether two writes were under way at once.
type oneAtATime struct {
	osDisk
	writing atomic.Int32
	two     atomic.Bool
}

func (d *oneAtATime) create(dir, pattern string) (temporary, error) {
	if d.writing.Add(1) > 1 {
		d.two.Store(true)
	}
	runtime.Gosched()
	return d.osDisk.create(dir, pattern)
}

func (d *oneAtATime) syncDir(dir string) error {
	defer d.writing.Add(-1)
	return d.osDisk.syncDir(dir)
}

// TestAReaderGetsTheTextOfOneWriteWhileOthersWrite: two Files stand for two processes,
// which do not wait for one another.
func TestAReaderGetsTheTextOfOneWriteWhileOthersWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := open(t, path, aead("key")).Write([]byte(numbered(0))); err != nil {
		t.Fatal(err)
	}
	var disks [2]oneAtATime
	var writers, readers sync.WaitGroup
	for i := range disks {
		f, err := newFile(path, aead("key"), &disks[i], 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for w := range 2 {
			writers.Go(func() {
				for n := range 10 {
					if err := f.Write([]byte(numbered(100*w + n))); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	done := make(chan struct{})
	for range 2 {
		f := open(t, path, aead("key"))
		readers.Go(func() {
			for {
				got, err := f.Read()
				if err == nil {
					_, err = numberOf(got)
				}
				if err != nil {
					t.Error(err)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	if disks[0].two.Load() || disks[1].two.Load() {
		t.Error("two writes of one File were under way at once")
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("there are %v", left)
	}
}
