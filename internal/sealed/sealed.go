// Package sealed keeps a text in a file, encrypted by an AEAD whose key the caller
// supplies, and replaces it so that after a crash at any moment the old or the new one
// is there as a whole.
//
// The file is a header of 18 bytes (what it is, its format's version, the size of what
// follows), a nonce drawn at random, and the sealed text. The header is what the AEAD
// calls additional data, so no bit of the file can be changed.
package sealed

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/typedsecret/typedsecret/internal/guard"
)

// Why a file is refused. The error of Read says what to do about it.
var (
	ErrTruncated = errors.New("the file is truncated")
	// ErrSealed is all that an AEAD can tell.
	ErrSealed = errors.New("the file can't be opened: it was tampered with, or sealed with another key")
	ErrNewer  = errors.New("the file's format is newer than this version of the library knows")
	// ErrOlder: this version reads no older format, since older ones lack what it needs to
	// know.
	ErrOlder  = errors.New("the file's format is older than this version of the library reads")
	ErrFormat = errors.New("the file is none that this library wrote")
	// ErrTooLarge: the file was not read, so it may be another program's.
	ErrTooLarge = errors.New("the file is too large")
)

const (
	magic      = "TYPDSECR"
	version    = 2
	headerSize = len(magic) + 2 + 8

	// maxSize bounds what a header may say.
	maxSize = 1 << 30
)

// What to do about a file that is refused.
const (
	remove    = "remove it, and the next write makes a new one"
	otherKey  = "give the key that it was sealed with, or " + remove
	otherPath = "give the path of another file, or " + remove
	otherSize = "give the path of another file, a larger MaxSize, or " + remove
	otherDir  = "make the directory, or give the path of a file in one where this process may create files"
)

// A File is the place of one text. It is safe for concurrent use, also by several
// processes: a reader gets the text of one Write as a whole. (Windows may refuse to
// replace a file while it is being read; that Write fails.)
type File struct {
	path string
	aead func() cipher.AEAD // hidden from what prints and compares
	disk disk
	most int64 // bytes that the file may have

	mu sync.Mutex // held while writing
}

// New makes a File for path, where a file may be already; it may have at most as many bytes
// as most. The directory must exist when the file is written.
func New(path string, aead cipher.AEAD, most int64) (*File, error) {
	info, err := os.Stat(path)
	if path == "" || os.IsPathSeparator(path[len(path)-1]) || err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("the path %q names no file; give one such as /var/lib/app/secrets.sealed", path)
	}
	abs, err := filepath.Abs(path) // the working directory may change
	if err != nil {
		return nil, err
	}
	return newFile(abs, aead, osDisk{}, most)
}

func newFile(path string, aead cipher.AEAD, d disk, most int64) (*File, error) {
	if guard.IsNil(aead) {
		return nil, errors.New("the sealer is nil; give a cipher.AEAD, from cipher.NewGCM say")
	}
	return &File{path: path, aead: func() cipher.AEAD { return aead }, disk: d, most: min(most, maxSize)}, nil
}

// Path returns where the File is.
func (f *File) Path() string { return f.path }

// Write replaces the text; what was at path before, be it a symbolic link or of another
// mode, becomes a file that only its owner may read. The error names the step that failed,
// and wraps its cause (syscall.ENOSPC, say). The text before is still there then, unless
// it was the last step, which flushes the directory: the new text is there, and a crash may
// bring back the one before.
func (f *File) Write(plain []byte) error {
	var data []byte
	err := guard.Call("sealer", func() (err error) {
		data, err = seal(f.aead(), plain, f.most)
		return err
	})
	if err != nil {
		return fmt.Errorf("sealing %s: %w", f.path, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return replace(f.disk, f.path, data)
}

func seal(aead cipher.AEAD, plain []byte, most int64) (sealed []byte, err error) {
	nonce := make([]byte, aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	size := len(nonce) + len(plain) + aead.Overhead()
	if has := int64(headerSize + size); has > most {
		return nil, fmt.Errorf("%w: it would have %d bytes, and %d are the most that are read; give a larger MaxSize, or no sealed file", ErrTooLarge, has, most)
	}
	data := make([]byte, 0, headerSize+size)
	defer func() {
		if sealed == nil { // it may hold a part of the text as it was
			clear(data[:cap(data)])
		}
	}()
	data = append(data, magic...)
	data = binary.BigEndian.AppendUint16(data, version)
	data = binary.BigEndian.AppendUint64(data, uint64(size))
	header := bytes.Clone(data)
	data = append(data, nonce...)
	want := bytes.Clone(data) // what the sealer is given is not beyond its reach
	out := aead.Seal(data, nonce, plain, header)
	if len(out) != headerSize+size || !bytes.HasPrefix(out, want) {
		clear(out)
		return nil, errors.New("the sealer did not append as many bytes as its Overhead promises; give a cipher.AEAD that does, such as AES-GCM")
	}
	return out, nil
}

// Read returns the text, in a buffer that is the caller's. The error is an
// [os.ErrNotExist] if there is no file.
func (f *File) Read() (plain []byte, err error) {
	data, err := f.disk.read(f.path, f.most)
	if err != nil {
		return nil, pathError("reading", f.path, err)
	}
	err = guard.Call("sealer", func() (err error) {
		plain, err = unseal(f.aead(), data)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", f.path, err)
	}
	return plain, nil
}

func unseal(aead cipher.AEAD, data []byte) (plain []byte, err error) {
	size, err := sealedSize(data)
	if err != nil {
		return nil, err
	}
	header, rest := data[:headerSize], data[headerSize:]
	nonce := aead.NonceSize()
	switch has := uint64(len(rest)); {
	case size > maxSize || size < uint64(nonce):
		return nil, fmt.Errorf("%w; %s", ErrSealed, otherKey)
	case has < size:
		return nil, truncated(data, headerSize+int(size))
	case has > size:
		return nil, fmt.Errorf("%w: it has %d bytes too many; %s", ErrSealed, has-size, remove)
	}
	out := make([]byte, 0, len(rest)-nonce)
	defer func() {
		if plain == nil { // what was opened so far
			clear(out[:cap(out)])
		}
	}()
	opened, err := aead.Open(out, rest[:nonce], rest[nonce:], header)
	if err != nil {
		clear(opened)
		return nil, fmt.Errorf("%w; %s", ErrSealed, otherKey)
	}
	return opened, nil
}

// sealedSize returns the size that the header says.
func sealedSize(data []byte) (uint64, error) {
	known := min(len(data), len(magic))
	switch {
	case string(data[:known]) != magic[:known]:
		return 0, fmt.Errorf("%w; %s", ErrFormat, otherPath)
	case len(data) < len(magic)+2:
		return 0, truncated(data, headerSize)
	}
	switch v := binary.BigEndian.Uint16(data[len(magic):]); {
	case v > version:
		return 0, fmt.Errorf("%w: version %d, and %d is the newest known; update the library, or %s", ErrNewer, v, version, remove)
	case v == 0: // there was none
		return 0, fmt.Errorf("%w: its format has the version 0; %s", ErrFormat, otherPath)
	case v < version:
		return 0, fmt.Errorf("%w: version %d, and %d is read; %s", ErrOlder, v, version, remove)
	}
	if len(data) < headerSize {
		return 0, truncated(data, headerSize)
	}
	return binary.BigEndian.Uint64(data[len(magic)+2:]), nil
}

func truncated(data []byte, needs int) error {
	return fmt.Errorf("%w: it has %d of %d bytes; %s", ErrTruncated, len(data), needs, remove)
}

// pathError says what failed, with the path once.
func pathError(doing, path string, err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		err = e.Err
	} else if e, ok := errors.AsType[*os.LinkError](err); ok {
		err = e.Err
	}
	return fmt.Errorf("%s %s: %w", doing, path, err)
}
