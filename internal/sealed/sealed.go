// Package sealed keeps a text in a file, encrypted by an AEAD whose key the caller
// supplies, and replaces it so that after a crash at any moment the old or the new one
// is there as a whole.
//
// The file is a header of 18 bytes (what it is, its format's version, the size of what
// follows), a nonce drawn at random, and the sealed text. The header is what the AEAD
// calls additional data, so no bit of the file can be changed.
package sealed

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/typedsecret/typedsecret/internal/guard"
)

// Why a file is refused.
var (
	ErrTruncated = errors.New("the file is truncated")
	ErrSealed    = errors.New("the file can't be opened: it was tampered with, or sealed with another key")
	ErrNewer     = errors.New("the file's format is newer than this version of the library knows")
	ErrFormat    = errors.New("the file is none that this library wrote")
)

const (
	magic      = "TYPDSECR"
	version    = 1
	headerSize = len(magic) + 2 + 8

	// maxSize is a bound against slips: 16 times what 1,024 of the largest secrets take.
	maxSize = 1 << 30
)

// A File is the place of one text. It is safe for concurrent use, also by several
// processes.
type File struct {
	path string
	aead func() cipher.AEAD // hidden from what prints and compares
	disk disk

	mu sync.Mutex // held while writing
}

// New makes a File. It does no I/O.
func New(path string, aead cipher.AEAD) (*File, error) { return newFile(path, aead, osDisk{}) }

func newFile(path string, aead cipher.AEAD, d disk) (*File, error) {
	switch {
	case path == "" || strings.HasSuffix(path, string(filepath.Separator)):
		return nil, fmt.Errorf("the path %q names no file; give one such as /var/lib/app/secrets.sealed", path)
	case guard.IsNil(aead):
		return nil, errors.New("the sealer is nil; give a cipher.AEAD, from cipher.NewGCM say")
	}
	return &File{path: path, aead: func() cipher.AEAD { return aead }, disk: d}, nil
}

// Path returns where the File is.
func (f *File) Path() string { return f.path }

// Write replaces the text. If it fails, the one before is still there.
func (f *File) Write(plain []byte) error {
	var data []byte
	err := guard.Call("sealer", func() (err error) {
		data, err = seal(f.aead(), plain)
		return err
	})
	if err != nil {
		return fmt.Errorf("sealing %s: %w", f.path, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return replace(f.disk, f.path, data)
}

func seal(aead cipher.AEAD, plain []byte) ([]byte, error) {
	nonce := make([]byte, aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	size := len(nonce) + len(plain) + aead.Overhead()
	if size > maxSize {
		return nil, fmt.Errorf("%d bytes are too much for one file; at most %d are allowed", size, maxSize)
	}
	data := make([]byte, 0, headerSize+size)
	data = append(data, magic...)
	data = binary.BigEndian.AppendUint16(data, version)
	data = binary.BigEndian.AppendUint64(data, uint64(size))
	header := data[:headerSize:headerSize]
	data = append(data, nonce...)
	return aead.Seal(data, nonce, plain, header), nil
}

// Read returns the text. If there is no file, the error is an [os.ErrNotExist].
func (f *File) Read() (plain []byte, err error) {
	data, err := f.disk.read(f.path)
	if err != nil {
		return nil, pathError("reading", f.path, err)
	}
	err = guard.Call("sealer", func() (err error) {
		plain, err = unseal(f.aead(), data)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.path, err)
	}
	return plain, nil
}

func unseal(aead cipher.AEAD, data []byte) ([]byte, error) {
	known := min(len(data), len(magic))
	switch {
	case string(data[:known]) != magic[:known]:
		return nil, ErrFormat
	case len(data) < len(magic)+2:
		return nil, truncated(len(data), headerSize)
	}
	if v := binary.BigEndian.Uint16(data[len(magic):]); v > version {
		return nil, fmt.Errorf("%w: version %d, and %d is the newest known", ErrNewer, v, version)
	} else if v < version {
		return nil, fmt.Errorf("%w: its format has the version %d", ErrFormat, v)
	}
	if len(data) < headerSize {
		return nil, truncated(len(data), headerSize)
	}
	header, rest := data[:headerSize], data[headerSize:]
	size := binary.BigEndian.Uint64(header[len(magic)+2:])
	switch nonce := aead.NonceSize(); {
	case size > maxSize:
		return nil, ErrSealed
	case uint64(len(rest)) < size:
		return nil, truncated(len(data), headerSize+int(size))
	case uint64(len(rest)) > size || len(rest) < nonce:
		return nil, ErrSealed
	default:
		plain, err := aead.Open(nil, rest[:nonce], rest[nonce:], header)
		if err != nil {
			return nil, ErrSealed
		}
		return plain, nil
	}
}

func truncated(has, needs int) error {
	return fmt.Errorf("%w: it has %d of %d bytes", ErrTruncated, has, needs)
}

// readAll reads what maxSize allows.
func readAll(f io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(f, int64(headerSize+maxSize+1)))
	if err == nil && len(data) > headerSize+maxSize {
		err = ErrFormat
	}
	return data, err
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
