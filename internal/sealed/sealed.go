// Package sealed keeps a text in a file, encrypted by an AEAD that the caller supplies.
// After a crash at any moment, the file has the whole old text or the whole new one.
//
// The file has a header of 18 bytes (a fixed word, the format's version, and the size of
// the rest), a random nonce, and the sealed text. The header is the AEAD's additional data,
// so a change of any bit of the file is detected.
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

// These errors say why a file is refused. The error of Read also says what to do about it.
var (
	ErrTruncated = errors.New("the file is truncated")
	// ErrSealed has two causes, since an AEAD can't distinguish them.
	ErrSealed = errors.New("the file can't be opened: it was tampered with, or sealed with another key")
	ErrNewer  = errors.New("the file's format is newer than this version of the library knows")
	// ErrOlder is returned for every older format, since those lack data that this version
	// needs.
	ErrOlder  = errors.New("the file's format is older than this version of the library reads")
	ErrFormat = errors.New("the file is none that this library wrote")
	// ErrTooLarge is returned before the file is read, so it may be another program's.
	ErrTooLarge = errors.New("the file is too large")
)

const (
	magic      = "TYPDSECR"
	version    = 2
	headerSize = len(magic) + 2 + 8

	// maxSize bounds the size in a header.
	maxSize = 1 << 30
)

// These texts say what to do about a file that is refused.
const (
	remove    = "remove it, and the next write makes a new one"
	otherKey  = "give the key that it was sealed with, or " + remove
	otherPath = "give the path of another file, or " + remove
	otherSize = "give the path of another file, a larger MaxSize, or " + remove
	otherDir  = "make the directory, or give the path of a file in one where this process may create files"
)

// A File holds one text. It is safe for concurrent use, also by several processes: a reader
// gets the whole text of one Write. (Windows may refuse to replace a file while it is being
// read; then the Write fails.)
type File struct {
	path string
	aead func() cipher.AEAD // a function, so that printing or comparing a File shows no key
	disk disk
	most int64 // the most bytes that the file may have

	mu sync.Mutex // held during a Write
}

// New makes a File for path, where a file may exist already. The file may have at most as
// many bytes as most. Its directory must exist at the first Write.
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

// Path returns the path of the file.
func (f *File) Path() string { return f.path }

// Write replaces the text. The new file may be read by its owner only, also if path was a
// symbolic link or a file of another mode. The error names the step that failed, and wraps
// its cause (syscall.ENOSPC, say). After a failure the old text is still there. If only the
// last step failed, which flushes the directory, the new text is there, but a crash may
// bring the old one back.
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
		if sealed == nil { // the buffer may hold a part of the plain text
			clear(data[:cap(data)])
		}
	}()
	data = append(data, magic...)
	data = binary.BigEndian.AppendUint16(data, version)
	data = binary.BigEndian.AppendUint64(data, uint64(size))
	header := bytes.Clone(data)
	data = append(data, nonce...)
	want := bytes.Clone(data) // the sealer could change data
	out := aead.Seal(data, nonce, plain, header)
	if len(out) != headerSize+size || !bytes.HasPrefix(out, want) {
		clear(out)
		return nil, errors.New("the sealer did not append as many bytes as its Overhead promises; give a cipher.AEAD that does, such as AES-GCM")
	}
	return out, nil
}

// Read returns the text, in a buffer that the caller owns. The error wraps [os.ErrNotExist]
// if there is no file.
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
		if plain == nil { // the buffer may hold a part of the plain text
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

// sealedSize returns the size in the header.
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
	case v == 0: // no format has this version
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

// pathError returns err with the step that failed, and names the path only once.
func pathError(doing, path string, err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		err = e.Err
	} else if e, ok := errors.AsType[*os.LinkError](err); ok {
		err = e.Err
	}
	return fmt.Errorf("%s %s: %w", doing, path, err)
}
