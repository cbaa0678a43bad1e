package sealed

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// A disk is what a File does with files, for tests that fail it.
type disk interface {
	// read returns the content of a file. It fails if the file has more than most bytes.
	read(path string, most int64) ([]byte, error)
	// create makes a file that only its owner may read, under a name that no other file
	// has: pattern with digits for the asterisk.
	create(dir, pattern string) (temporary, error)
	rename(from, to string) error
	remove(path string) error
	syncDir(dir string) error
	// old returns the names of the regular files in dir that were last written before.
	old(dir string, before time.Time) []string
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
func replace(d disk, path string, data []byte) error {
	dir, base := filepath.Split(path)
	dir = filepath.Clean(dir)
	for _, name := range d.old(dir, time.Now().Add(-abandoned)) {
		if isTemporary(name, base) {
			_ = d.remove(filepath.Join(dir, name))
		}
	}
	f, err := createBeside(d, path)
	if err != nil {
		return err
	}
	step, err := fill(f, data)
	if err == nil {
		step, err = "replacing", d.rename(f.Name(), path)
	}
	if err != nil {
		_ = d.remove(f.Name())
		return pathError(step, path, err)
	}
	if err := d.syncDir(dir); err != nil && !cannotSync(err) {
		return pathError("flushing the directory of", path, err)
	}
	return nil
}

// createBeside makes the file that is to replace the one at path.
func createBeside(d disk, path string) (temporary, error) {
	dir, base := filepath.Split(path)
	f, err := d.create(filepath.Clean(dir), "."+base+".*.tmp")
	if err != nil {
		return nil, pathError("creating a file beside", path, err)
	}
	return f, nil
}

// Probe returns an error if a Write could not create its file. It creates that file, empty,
// and removes it.
func (f *File) Probe() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	empty, err := createBeside(f.disk, f.path)
	if err != nil {
		return fmt.Errorf("%w; %s", err, otherDir)
	}
	_ = empty.Close()
	if err := f.disk.remove(empty.Name()); err != nil {
		return fmt.Errorf("%w; %s", pathError("removing a file beside", f.path, err), otherDir)
	}
	return nil
}

// fill writes data, flushes it to the disk and closes the file, and says at which step
// that failed.
func fill(f temporary, data []byte) (step string, err error) {
	n, err := f.Write(data)
	if err == nil && n < len(data) {
		err = io.ErrShortWrite
	}
	if err != nil {
		_ = f.Close()
		return "writing", err
	}
	if err := f.Sync(); err != nil {
		_ = f.Close()
		return "flushing", err
	}
	return "closing", f.Close()
}

// isTemporary reports whether a file of this name was created to replace the one of name
// base. Nothing but digits may be in between: the temporaries of "a.b" begin as those
// of "a" do.
func isTemporary(name, base string) bool {
	rest, begins := strings.CutPrefix(name, "."+base+".")
	digits, ends := strings.CutSuffix(rest, ".tmp")
	return begins && ends && digits != "" && strings.Trim(digits, "0123456789") == ""
}

// cannotSync reports whether a file system said that it flushes no directories. Linux's
// manual page fsync(2) has EINVAL for that.
func cannotSync(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported)
}

// osDisk is the file system.
type osDisk struct{}

// read looks at the file before it opens it, since opening a device may have an effect (on
// a tape, say). It looks again at the open file, since another file may stand there by now.
func (osDisk) read(path string, most int64) ([]byte, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if err := mayRead(info, most); err != nil {
		return nil, err
	}
	f, err := openAtOnce(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := mayRead(info, most); err != nil {
		return nil, err
	}
	data := make([]byte, info.Size())
	n, err := io.ReadFull(f, data)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil // truncated since, which its header will tell
	}
	return data[:n], err
}

// openAtOnce opens a file. If that is a named pipe, it does not wait for a writer.
func openAtOnce(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|dontWait, 0)
}

// mayRead says why a file is not to be read.
func mayRead(info os.FileInfo, most int64) error {
	switch {
	case info.IsDir():
		return fmt.Errorf("%w: it is a directory; %s", ErrFormat, otherPath)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%w: it is a device or pipe; %s", ErrFormat, otherPath)
	case info.Size() > most:
		return fmt.Errorf("%w: it has %d bytes, and %d are the most that are read; %s", ErrTooLarge, info.Size(), most, otherSize)
	}
	return nil
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

func (osDisk) old(dir string, before time.Time) (names []string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && info.ModTime().Before(before) {
			names = append(names, e.Name())
		}
	}
	return names
}
