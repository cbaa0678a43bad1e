package sealed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A fragile disk is in memory. It fails at a chosen step, and knows what a crash may leave
// on it. It promises no order of writes, like the file systems in "All File Systems Are Not
// Created Equal" (Pillai et al., OSDI 2014). After a crash, any part of a file that was not
// flushed may be there. A name may have each content that it had since its directory was
// flushed.
type fragile struct {
	fail    int   // the step that fails, counted from 1
	with    error // the error of that step
	steps   []string
	crashed bool // all later steps fail too

	// names lists the contents that each name may have after a crash. Running programs see
	// the last one. A nil content means that there is no such file.
	names map[string][]*content
}

type content struct {
	written, flushed []byte
	old              bool
}

var errCrash = errors.New("crash")

func newFragile() *fragile { return &fragile{names: map[string][]*content{}} }

func (d *fragile) step(name string) error {
	d.steps = append(d.steps, name)
	if d.crashed || len(d.steps) == d.fail {
		d.crashed = d.with == errCrash
		return d.with
	}
	return nil
}

func (d *fragile) now(path string) *content {
	if is := d.names[path]; len(is) > 0 {
		return is[len(is)-1]
	}
	return nil
}

// become gives a name another content, which is not on the disk yet.
func (d *fragile) become(path string, c *content) {
	if d.names[path] == nil {
		d.names[path] = []*content{nil}
	}
	d.names[path] = append(d.names[path], c)
}

func (d *fragile) existing() (paths []string) {
	for path := range d.names {
		if d.now(path) != nil {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}

func (d *fragile) read(path string, _ int64) ([]byte, error) {
	if c := d.now(path); c != nil {
		return c.written, nil
	}
	return nil, os.ErrNotExist
}

func (d *fragile) create(dir, pattern string) (temporary, error) {
	if err := d.step("create"); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, strings.Replace(pattern, "*", fmt.Sprint(len(d.names)), 1))
	c := &content{}
	d.become(path, c)
	return &fragileFile{d, path, c}, nil
}

func (d *fragile) rename(from, to string) error {
	if err := d.step("rename"); err != nil {
		return err
	}
	d.become(to, d.now(from))
	d.become(from, nil)
	return nil
}

func (d *fragile) remove(path string) error {
	if err := d.step("remove"); err != nil {
		return err
	}
	d.become(path, nil)
	return nil
}

func (d *fragile) syncDir(string) error {
	if err := d.step("syncDir"); err != nil {
		return err
	}
	for path, is := range d.names {
		d.names[path] = is[len(is)-1:]
	}
	return nil
}

func (d *fragile) old(string, time.Time) (names []string) {
	for _, path := range d.existing() {
		if d.now(path).old {
			names = append(names, filepath.Base(path))
		}
	}
	return names
}

type fragileFile struct {
	d    *fragile
	path string
	c    *content
}

func (f *fragileFile) Name() string { return f.path }

func (f *fragileFile) Write(p []byte) (int, error) {
	if err := f.d.step("write"); err != nil {
		f.c.written = append(f.c.written, p[:len(p)/2]...)
		if errors.Is(err, io.ErrShortWrite) { // a faulty Writer reports no error
			err = nil
		}
		return len(p) / 2, err
	}
	f.c.written = append(f.c.written, p...)
	return len(p), nil
}

func (f *fragileFile) Sync() error {
	if err := f.d.step("sync"); err != nil {
		return err
	}
	f.c.flushed = bytes.Clone(f.c.written)
	return nil
}

func (f *fragileFile) Close() error { return f.d.step("close") }

// mayBe returns what a crash may leave of a file: a beginning of it, or all of it with
// zeros at the end or at the beginning.
func (c *content) mayBe() (parts [][]byte) {
	if bytes.Equal(c.flushed, c.written) {
		return [][]byte{c.written}
	}
	size := len(c.written)
	for n := range size + 1 {
		parts = append(
			parts, c.written[:n:n],
			slices.Concat(c.written[:n], make([]byte, size-n)),
			slices.Concat(make([]byte, n), c.written[n:]),
		)
	}
	return parts
}

// afterCrash returns the disks that a crash at this moment may leave. Each content of the
// file at path is on two disks: alone, and with all other files that may be there.
func (d *fragile) afterCrash(path string) (disks []*fragile) {
	found := func(data []byte) {
		for _, all := range []bool{false, true} {
			next := newFragile()
			if data != nil {
				next.become(path, &content{written: data, flushed: data})
			}
			for name, is := range d.names {
				if name != path && all && slices.ContainsFunc(is, func(c *content) bool { return c != nil }) {
					next.become(name, &content{written: []byte("rubbish"), old: true})
				}
			}
			disks = append(disks, next)
		}
	}
	is := d.names[path]
	if is == nil {
		found(nil)
	}
	for _, c := range is {
		if c == nil {
			found(nil)
			continue
		}
		for _, part := range c.mayBe() {
			found(slices.Concat([]byte{}, part))
		}
	}
	return disks
}

const onFragile = "dir/secrets.sealed"

func openFragile(t *testing.T, d *fragile) *File {
	t.Helper()
	f, err := newFile(onFragile, aead("key"), d, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// writeFailing writes a text, with a failure at a step.
func writeFailing(t *testing.T, d *fragile, text string, step int, with error) error {
	t.Helper()
	d.steps, d.fail, d.with = nil, step, with
	err := openFragile(t, d).Write([]byte(text))
	d.fail = 0
	return err
}

// readable returns the text on a disk, or "" if there is no file.
func readable(t *testing.T, d *fragile) string {
	t.Helper()
	got, err := openFragile(t, d).Read()
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after %v: %v", d.steps, err)
	}
	return string(got)
}

// withRubbish returns a disk with a text, and with a temporary file that a killed process
// left.
func withRubbish(t *testing.T, text string) *fragile {
	t.Helper()
	d := newFragile()
	if text != "" {
		if err := openFragile(t, d).Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	d.names["dir/.secrets.sealed.77.tmp"] = []*content{{old: true}}
	return d
}

// TestACrashAtAnyStepLeavesTheOldOrTheNewText, also if an earlier attempt has failed at any
// step.
func TestACrashAtAnyStepLeavesTheOldOrTheNewText(t *testing.T) {
	for _, before := range []string{"", "old"} {
		for fail, failing := 1, true; failing; fail++ {
			for crash, crashing := 1, true; crashing; crash++ {
				d := withRubbish(t, before)
				may := []string{before, "failed"}
				if err := writeFailing(t, d, "failed", fail, syscall.EIO); err == nil {
					may = may[1:]
				}
				failing = len(d.steps) >= fail
				if err := writeFailing(t, d, "new", crash, errCrash); err == nil {
					may = nil
				}
				crashing = len(d.steps) >= crash
				may = append(may, "new")
				for _, after := range d.afterCrash(onFragile) {
					if got := readable(t, after); !slices.Contains(may, got) {
						t.Fatalf("EIO at step %d, then a crash in %v: %q, want one of %q", fail, d.steps, got, may)
					}
					checkGoesOn(t, after)
				}
			}
		}
	}
}

// checkGoesOn writes to a disk, as a process that starts after the crash does.
func checkGoesOn(t *testing.T, d *fragile) {
	t.Helper()
	if err := openFragile(t, d).Write([]byte("next")); err != nil || readable(t, d) != "next" {
		t.Fatalf("the next write: %v", err)
	}
	if left := d.existing(); len(left) != 1 {
		t.Fatalf("after the next write there are %v", left)
	}
}

func TestAFailureAtAnyStepLeavesTheOldTextAndNoRubbish(t *testing.T) {
	says := map[string]string{
		"create": "creating a file beside ", "write": "writing ", "sync": "flushing ",
		"close": "closing ", "rename": "replacing ", "syncDir": "flushing the directory of ",
	}
	seen := map[string]bool{}
	for _, with := range []error{syscall.ENOSPC, syscall.EIO, io.ErrShortWrite} {
		for fail := 1; ; fail++ {
			d := withRubbish(t, "old")
			err := writeFailing(t, d, "new", fail, with)
			if len(d.steps) < fail {
				break
			}
			failed := d.steps[fail-1]
			seen[failed] = true
			want := "old"
			switch failed {
			case "remove": // removing another process's file may fail
				if err != nil || readable(t, d) != "new" {
					t.Errorf("%v at remove: %v", with, err)
				}
				continue
			case "syncDir": // the new text is there, but a crash may bring the old one back
				want = "new"
			}
			if !errors.Is(err, with) || !strings.HasPrefix(err.Error(), says[failed]+onFragile+": ") {
				t.Errorf("%v at %s: %v", with, failed, err)
			}
			if got := readable(t, d); got != want {
				t.Errorf("%v at %s: %q", with, failed, got)
			}
			if left := d.existing(); len(left) != 1 {
				t.Errorf("%v at %s: %v are there", with, failed, left)
			}
			checkGoesOn(t, d)
		}
	}
	if len(seen) != len(says)+1 {
		t.Errorf("only these failed: %v", seen)
	}
}

func TestADirectoryThatCanNotBeFlushedIsNoFailure(t *testing.T) {
	for _, with := range []error{syscall.EINVAL, errors.ErrUnsupported} {
		d := newFragile()
		if err := writeFailing(t, d, "new", 6, with); err != nil || d.steps[5] != "syncDir" {
			t.Errorf("%v at %s: %v", with, d.steps[5], err)
		}
	}
}

func TestAFullDiskSaysSoInTheWordsOfTheDocument(t *testing.T) {
	const path = "/var/lib/app/secrets.sealed"
	d := newFragile()
	d.fail, d.with = 2, syscall.ENOSPC
	f, err := newFile(path, aead("key"), d, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	err = f.Write([]byte(text))
	page, readErr := os.ReadFile("../../docs/failures.md")
	if err == nil || readErr != nil || !strings.Contains(string(page), "sealed file can't be used: "+err.Error()+"`") {
		t.Errorf("docs/failures.md does not say: %v (%v)", err, readErr)
	}
}
