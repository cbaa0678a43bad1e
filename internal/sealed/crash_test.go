package sealed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A fragile disk is one in memory that fails at a step, and knows what a crash may leave
// of it. Like a file system without ordering it may lose all that was not flushed, or
// keep any part of it: of a file, any prefix or nothing but its size; of the names in
// the directory, those before or after each change.
type fragile struct {
	fail  int   // the step that fails, counted from 1
	with  error // and how
	steps int

	files   map[string]*content   // as running programs see them
	names   []map[string]*content // what the directory may be after a crash, the last of them now
	crashed bool                  // from step fail on nothing is done any more
}

type content struct{ written, flushed []byte }

var errCrash = errors.New("crash")

func (d *fragile) step() error {
	d.steps++
	if d.crashed || d.steps == d.fail {
		d.crashed = d.with == errCrash
		return d.with
	}
	return nil
}

// changed notes that the directory has changed, which is not on the disk yet.
func (d *fragile) changed() { d.names = append(d.names, maps.Clone(d.files)) }

func (d *fragile) read(path string) ([]byte, error) {
	f, ok := d.files[path]
	if !ok {
		return nil, os.ErrNotExist
	}
	return f.written, nil
}

func (d *fragile) create(dir, pattern string) (temporary, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	name := filepath.Join(dir, strings.Replace(pattern, "*", fmt.Sprint(d.steps), 1))
	f := &content{}
	d.files[name] = f
	d.changed()
	return &fragileFile{d, name, f}, nil
}

func (d *fragile) rename(from, to string) error {
	if err := d.step(); err != nil {
		return err
	}
	d.files[to] = d.files[from]
	delete(d.files, from)
	d.changed()
	return nil
}

func (d *fragile) remove(path string) error {
	if d.crashed {
		return errCrash
	}
	delete(d.files, path)
	d.changed()
	return nil
}

func (d *fragile) syncDir(string) error {
	if err := d.step(); err != nil {
		return err
	}
	d.names = d.names[len(d.names)-1:]
	return nil
}

func (d *fragile) old(string, time.Time) []string { return nil }

type fragileFile struct {
	d    *fragile
	name string
	f    *content
}

func (f *fragileFile) Name() string { return f.name }

func (f *fragileFile) Write(p []byte) (int, error) {
	if err := f.d.step(); err != nil {
		if errors.Is(err, io.ErrShortWrite) { // a Writer that does not say so
			err = nil
		}
		f.f.written = append(f.f.written, p[:len(p)/2]...)
		return len(p) / 2, err
	}
	f.f.written = append(f.f.written, p...)
	return len(p), nil
}

func (f *fragileFile) Sync() error {
	if err := f.d.step(); err != nil {
		return err
	}
	f.f.flushed = bytes.Clone(f.f.written)
	return nil
}

func (f *fragileFile) Close() error { return f.d.step() }

// afterCrash returns each content that the file at path may have after a crash now; nil
// if it may not be there.
func (d *fragile) afterCrash(path string) (contents [][]byte) {
	for _, names := range d.names {
		f, there := names[path]
		if !there {
			contents = append(contents, nil)
			continue
		}
		if bytes.Equal(f.flushed, f.written) {
			contents = append(contents, f.flushed)
			continue
		}
		for n := range len(f.written) + 1 {
			contents = append(contents, slices.Concat(f.written[:n], make([]byte, len(f.written)-n)), f.written[:n:n])
		}
	}
	return contents
}

const steps = 6 // create, write, flush, close, rename, flush the directory

func newFragile() *fragile {
	return &fragile{files: map[string]*content{}, names: []map[string]*content{{}}}
}

func TestACrashAtAnyStepLeavesTheOldOrTheNewText(t *testing.T) {
	for _, before := range []string{"", "the old text"} {
		for fail := 1; fail <= steps+1; fail++ {
			d := newFragile()
			f, err := newFile("dir/secrets.sealed", aead(t, "key"), d)
			if err != nil {
				t.Fatal(err)
			}
			if before != "" {
				if err := f.Write([]byte(before)); err != nil {
					t.Fatal(err)
				}
			}
			d.steps, d.fail, d.with = 0, fail, errCrash
			err = f.Write([]byte("the new text"))
			if done := fail > steps; done != (err == nil) || !done && !errors.Is(err, errCrash) {
				t.Fatalf("crash at step %d: %v", fail, err)
			}
			seen := map[string]bool{}
			for _, data := range d.afterCrash("dir/secrets.sealed") {
				after := newFragile()
				if data != nil {
					after.files["dir/secrets.sealed"] = &content{written: data}
				}
				g, _ := newFile("dir/secrets.sealed", aead(t, "key"), after)
				got, err := g.Read()
				if before == "" && errors.Is(err, os.ErrNotExist) {
					err = nil
				}
				if err != nil || string(got) != before && string(got) != "the new text" {
					t.Errorf("crash at step %d, with %d bytes left: %q, %v", fail, len(data), got, err)
				}
				seen[string(got)] = true
			}
			if fail > steps && (len(seen) != 1 || !seen["the new text"]) {
				t.Errorf("Write had returned, and after a crash there may be %v", seen)
			}
		}
	}
}

func TestAFailureAtAnyStepLeavesTheOldTextAndNoRubbish(t *testing.T) {
	for _, with := range []error{syscall.ENOSPC, syscall.EIO, io.ErrShortWrite} {
		for fail := 1; fail <= steps; fail++ {
			if with == io.ErrShortWrite && fail != 2 {
				continue
			}
			d := newFragile()
			f, _ := newFile("dir/secrets.sealed", aead(t, "key"), d)
			if err := f.Write([]byte("the old text")); err != nil {
				t.Fatal(err)
			}
			d.steps, d.fail, d.with = 0, fail, with
			err := f.Write([]byte("the new text"))
			if !errors.Is(err, with) || !strings.Contains(err.Error(), "dir/secrets.sealed") {
				t.Errorf("%v at step %d: %v", with, fail, err)
			}
			got, err := f.Read()
			want := "the old text"
			if fail == steps { // it is there, though perhaps not for good
				want = "the new text"
			}
			if string(got) != want || err != nil {
				t.Errorf("%v at step %d: %q, %v", with, fail, got, err)
			}
			if len(d.files) != 1 {
				t.Errorf("%v at step %d: %v are left", with, fail, slices.Collect(maps.Keys(d.files)))
			}
			d.fail = 0
			if err := f.Write([]byte("the next text")); err != nil {
				t.Errorf("after %v at step %d: %v", with, fail, err)
			}
		}
	}
}

func TestAFullDiskSaysSoInTheWordsOfTheDocument(t *testing.T) {
	const path = "/var/lib/app/secrets.sealed"
	d := newFragile()
	d.fail, d.with = 2, syscall.ENOSPC
	f, err := newFile(path, aead(t, "key"), d)
	if err != nil {
		t.Fatal(err)
	}
	err = f.Write([]byte(text))
	page, readErr := os.ReadFile("../../docs/failures.md")
	if err == nil || readErr != nil || !strings.Contains(string(page), "sealed snapshot can't be used: "+err.Error()+"`") {
		t.Errorf("docs/failures.md does not say: %v (%v)", err, readErr)
	}
}
