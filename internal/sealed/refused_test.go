package sealed

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// golden returns the file of text and the key "key" that a version of the format has.
func golden(t testing.TB, version int) []byte {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("testdata/v%d.sealed", version))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// readOf calls Read for a file with this content.
func readOf(t testing.TB, path string, data []byte) ([]byte, error) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return open(t, path, aead("key")).Read()
}

var kinds = []error{ErrTruncated, ErrSealed, ErrNewer, ErrOlder, ErrFormat, ErrTooLarge}

// checkRefused checks that an error of Read wraps want, and says where, what is wrong and
// what to do.
func checkRefused(t *testing.T, path string, err, want error, says string) {
	t.Helper()
	for _, kind := range kinds {
		if errors.Is(err, kind) != (kind == want) {
			t.Errorf("got %v, want %v", err, want)
			return
		}
	}
	for _, part := range []string{"reading " + path + ": ", says, remove} {
		if strings.Count(err.Error(), part) == 0 {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
}

func TestTheFileOfThisVersionIsReadForEver(t *testing.T) {
	if got, err := readOf(t, filepath.Join(t.TempDir(), "f"), golden(t, 2)); string(got) != text || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestTheFileOfAnOlderVersionIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	got, err := readOf(t, path, golden(t, 1))
	checkRefused(t, path, err, ErrOlder, "version 1, and 2 is read; remove it")
	if got != nil {
		t.Errorf("read %q", got)
	}
}

func TestTheWholeHeaderIsSealedIn(t *testing.T) {
	_, data := written(t)
	gcm := aead("key")
	header, nonce, rest := data[:headerSize], data[headerSize:headerSize+gcm.NonceSize()], data[headerSize+gcm.NonceSize():]
	if got, err := gcm.Open(nil, nonce, rest, header); string(got) != text || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	for i := range 8 * headerSize {
		changed := bytes.Clone(header)
		changed[i/8] ^= 1 << (i % 8)
		if _, err := gcm.Open(nil, nonce, rest, changed); err == nil {
			t.Errorf("bit %d is not sealed in", i)
		}
	}
}

// TestNoNonceIsUsedTwice: a repeated nonce would reveal the key of AES-GCM.
func TestNoNonceIsUsedTwice(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		_, data := written(t)
		seen[string(data[headerSize:headerSize+12])] = true
	}
	if len(seen) != 100 {
		t.Errorf("100 writes used %d nonces", len(seen))
	}
}

func TestAFileTruncatedAtAnyByteIsRefused(t *testing.T) {
	path, data := written(t)
	for n := range data {
		got, err := readOf(t, path, data[:n])
		checkRefused(t, path, err, ErrTruncated, fmt.Sprintf("it has %d of ", n))
		if got != nil {
			t.Errorf("%d of %d bytes: %q", n, len(data), got)
		}
	}
}

func TestAnExtendedFileIsRefused(t *testing.T) {
	path, data := written(t)
	for _, more := range [][]byte{{0}, make([]byte, 4096), data} {
		got, err := readOf(t, path, append(data[:len(data):len(data)], more...))
		checkRefused(t, path, err, ErrSealed, fmt.Sprintf("it has %d bytes too many", len(more)))
		if got != nil {
			t.Errorf("%d bytes more: %q", len(more), got)
		}
	}
}

func TestAFileWithAnyBitChangedIsRefused(t *testing.T) {
	path, data := written(t)
	size := binary.BigEndian.Uint64(data[len(magic)+2:])
	for i := range 8 * len(data) {
		changed := bytes.Clone(data)
		changed[i/8] ^= 1 << (i % 8)
		want := ErrSealed
		switch now := binary.BigEndian.Uint64(changed[len(magic)+2:]); {
		case i/8 < len(magic):
			want = ErrFormat
		case i/8 == len(magic)+1 && i%8 == 1: // version 0
			want = ErrFormat
		case i/8 < len(magic)+2:
			want = ErrNewer
		case now > size && now <= maxSize:
			want = ErrTruncated
		}
		got, err := readOf(t, path, changed)
		checkRefused(t, path, err, want, "")
		if got != nil {
			t.Errorf("bit %d: %q", i, got)
		}
	}
}

func TestWhyAFileIsRefused(t *testing.T) {
	path, data := written(t)
	withVersion := func(v uint16) []byte {
		d := bytes.Clone(data)
		binary.BigEndian.PutUint16(d[len(magic):], v)
		return d
	}
	withSize := func(size uint64) []byte {
		d := bytes.Clone(data)
		binary.BigEndian.PutUint64(d[len(magic)+2:], size)
		return d
	}
	for name, row := range map[string]struct {
		data []byte
		want error
		says string
	}{
		"newer format":         {withVersion(version + 1), ErrNewer, "version 3, and 2 is the newest known; update the library"},
		"newer and cut off":    {withVersion(version + 1)[:len(magic)+2], ErrNewer, "version 3"},
		"older format":         {withVersion(1), ErrOlder, "version 1, and 2 is read; remove it"},
		"older and cut off":    {withVersion(1)[:len(magic)+2], ErrOlder, "version 1"},
		"no format":            {withVersion(0), ErrFormat, "version 0; give the path of another file"},
		"another file":         {[]byte("#!/bin/sh\n"), ErrFormat, "none that this library wrote; give the path of another file"},
		"empty":                {nil, ErrTruncated, "0 of 18 bytes"},
		"absurd size":          {withSize(1 << 63), ErrSealed, "give the key"},
		"no place for a nonce": {withSize(11)[:headerSize+11], ErrSealed, "give the key"},
		"cut off":              {data[:40], ErrTruncated, fmt.Sprintf("40 of %d bytes", len(data))},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readOf(t, path, row.data)
			checkRefused(t, path, err, row.want, row.says)
		})
	}
	if _, err := open(t, path+".none", aead("key")).Read(); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path+".none") {
		t.Errorf("no file: %v", err)
	}
	if _, err := readOf(t, path, data); err != nil {
		t.Fatal(err)
	}
	got, err := open(t, path, aead("other")).Read()
	checkRefused(t, path, err, ErrSealed, "sealed with another key; give the key that it was sealed with")
	if got != nil {
		t.Errorf("another key: %q", got)
	}
}

// FuzzRead checks that Read accepts only files that Write made.
func FuzzRead(f *testing.F) {
	made := golden(f, version)
	f.Add(made)
	f.Add(made[:headerSize+2])
	f.Add(append(made[:len(made):len(made)], 0))
	f.Add(golden(f, 1))
	f.Add([]byte("TYPDSECR\x00\x02\x00\x00\x00\x00\x3f\xff\xff\xff"))
	path := filepath.Join(f.TempDir(), "f")
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := readOf(t, path, data)
		if bytes.Equal(data, made) {
			if err != nil || string(got) != text {
				t.Errorf("what Write made: %q, %v", got, err)
			}
			return
		}
		if got != nil || err == nil {
			t.Fatalf("read %q", got)
		}
		for _, kind := range kinds {
			if errors.Is(err, kind) {
				checkRefused(t, path, err, kind, "")
				return
			}
		}
		t.Errorf("got %v", err)
	})
}
