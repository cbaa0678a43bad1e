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

// A disk has the file operations of a File. Tests replace it to make them fail.
type disk interface {
	// read returns the content of a file. It fails if the file has more than most bytes.
	read(path string, most int64) ([]byte, error)
	// create makes a file that only its owner may read. Its name is pattern with digits in
	// place of the asterisk, and is not in use.
	create(dir, pattern string) (temporary, error)
	rename(from, to string) error
	remove(path string) error
	syncDir(dir string) error
	// old returns the names of the regular files in dir that were last written before this
	// time.
	old(dir string, before time.Time) []string
}

type temporary interface {
	io.WriteCloser
	Name() string
	Sync() error
}

// abandoned is the age from which a temporary file is removed, since its process was
// probably killed.
const abandoned = time.Minute

// replace makes data the content of the file at path. It writes and flushes a file beside
// it, renames that to path, and flushes the directory, which holds the name.
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

// createBeside creates the temporary file that will replace the one at path.
func createBeside(d disk, path string) (temporary, error) {
	dir, base := filepath.Split(path)
	f, err := d.create(filepath.Clean(dir), "."+base+".*.tmp")
	if err != nil {
		return nil, pathError("creating a file beside", path, err)
	}
	return f, nil
}

// Probe returns an error if a Write could not create its temporary file. It creates an
// empty one, and removes it.
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

// fill writes data, flushes it to the disk and closes the file. If that fails, it returns
// the step.
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

// isTemporary reports whether name is that of a temporary file for the file named base.
// Between the fixed parts of the name there must be digits only, since the temporary files
// of "a.b" begin like those of "a".
func isTemporary(name, base string) bool {
	rest, begins := strings.CutPrefix(name, "."+base+".")
	digits, ends := strings.CutSuffix(rest, ".tmp")
	return begins && ends && digits != "" && strings.Trim(digits, "0123456789") == ""
}

// cannotSync reports whether err means that the file system can't flush directories. It is
// EINVAL, by Linux's manual page fsync(2).
func cannotSync(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported)
}

// osDisk is the disk of the operating system.
type osDisk struct{}

// read looks at the file before it opens it, since opening a device may have an effect (on
// a tape, say). It looks again at the open file, since another file may be at path by then.
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
		err = nil // the file was truncated meanwhile; its header will show that
	}
	return data[:n], err
}

// openAtOnce opens a file. It does not wait for a writer if the file is a named pipe.
func openAtOnce(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|dontWait, 0)
}

// mayRead returns an error if the file must not be read.
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
		return nil // Windows can't flush a directory
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
