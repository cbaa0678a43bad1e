package sealed

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// A disk is what a File does with files, for tests that fail it.
type disk interface {
	read(path string) ([]byte, error)
	// create makes a file that only its owner may read, under a name of its own that
	// matches pattern.
	create(dir, pattern string) (temporary, error)
	rename(from, to string) error
	remove(path string) error
	syncDir(dir string) error
	// leftovers returns the files whose names begin and end so and that were written
	// before.
	leftovers(dir, prefix, suffix string, before time.Time) []string
}

type temporary interface {
	io.WriteCloser
	Name() string
	Sync() error
}

// abandoned is the age from which a temporary file is taken for that of a process which
// was killed.
const abandoned = time.Minute

// replace makes data the content of the file at path: a file beside it is written,
// flushed, and renamed to it, and the directory flushed, for the name is in there.
func replace(d disk, path string, data []byte) (err error) {
	dir, base := filepath.Split(path)
	dir = filepath.Clean(dir)
	prefix, suffix := "."+base+".", ".tmp"
	for _, left := range d.leftovers(dir, prefix, suffix, time.Now().Add(-abandoned)) {
		_ = d.remove(left)
	}
	f, err := d.create(dir, prefix+"*"+suffix)
	if err != nil {
		return pathError("creating a file beside", path, err)
	}
	if err := fill(f, data); err != nil {
		_ = d.remove(f.Name())
		return pathError("writing", path, err)
	}
	if err := d.rename(f.Name(), path); err != nil {
		_ = d.remove(f.Name())
		return pathError("replacing", path, err)
	}
	if err := d.syncDir(dir); err != nil {
		return pathError("flushing the directory of", path, err)
	}
	return nil
}

// fill writes data, flushes it to the disk and closes the file.
func fill(f temporary, data []byte) error {
	n, err := f.Write(data)
	if err == nil && n < len(data) {
		err = io.ErrShortWrite
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// osDisk is the file system.
type osDisk struct{}

func (osDisk) read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f)
}

func (osDisk) create(dir, pattern string) (temporary, error) { return os.CreateTemp(dir, pattern) }
func (osDisk) rename(from, to string) error                  { return os.Rename(from, to) }
func (osDisk) remove(path string) error                      { return os.Remove(path) }

func (osDisk) syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // which can't flush one
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (osDisk) leftovers(dir, prefix, suffix string, before time.Time) (found []string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), prefix) || !strings.HasSuffix(e.Name(), suffix) || !e.Type().IsRegular() {
			continue
		}
		if info, err := e.Info(); err == nil && info.ModTime().Before(before) {
			found = append(found, filepath.Join(dir, e.Name()))
		}
	}
	return found
}
