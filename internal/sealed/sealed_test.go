package sealed

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/internal/guard"
)

const text = "Zq7!Xw9@Kv3#Jp5$Ym1%Ub8^Tn2&Rc6*"

func aead(t testing.TB, key string) cipher.AEAD {
	t.Helper()
	block, err := aes.NewCipher([]byte(fmt.Sprintf("%-32s", key)))
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return gcm
}

func open(t testing.TB, path string, a cipher.AEAD) *File {
	t.Helper()
	f, err := New(path, a)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// written makes a file with the text in it, and returns its path and content.
func written(t testing.TB) (path string, data []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "secrets.sealed")
	if err := open(t, path, aead(t, "key")).Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, data
}

// readOf reads a file with this content.
func readOf(t testing.TB, path string, data []byte) ([]byte, error) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return open(t, path, aead(t, "key")).Read()
}

func TestWhatIsWrittenIsReadAndNotInTheFile(t *testing.T) {
	path, data := written(t)
	if got, err := open(t, path, aead(t, "key")).Read(); string(got) != text || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	for i := range len(text) - 3 {
		if bytes.Contains(data, []byte(text[i:i+4])) {
			t.Fatal("the file shows the text")
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestTheOwnerAloneMayReadAFileThatReplacesAnotherMode(t *testing.T) {
	path, _ := written(t)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := open(t, path, aead(t, "key")).Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestAFileTruncatedAtAnyByteIsRefused(t *testing.T) {
	path, data := written(t)
	for n := range data {
		got, err := readOf(t, path, data[:n])
		if !errors.Is(err, ErrTruncated) && n > len(magic) || err == nil || got != nil {
			t.Errorf("%d of %d bytes: %q, %v", n, len(data), got, err)
		}
	}
}

func TestAFileWithAnyBitChangedIsRefused(t *testing.T) {
	path, data := written(t)
	for i := range 8 * len(data) {
		data[i/8] ^= 1 << (i % 8)
		if got, err := readOf(t, path, data); err == nil || got != nil {
			t.Errorf("bit %d: %q, %v", i, got, err)
		}
		data[i/8] ^= 1 << (i % 8)
	}
	if _, err := readOf(t, path, append(data, 0)); !errors.Is(err, ErrSealed) {
		t.Errorf("one byte more: %v", err)
	}
}

func TestWhyAFileIsRefused(t *testing.T) {
	path, data := written(t)
	newer := bytes.Clone(data)
	binary.BigEndian.PutUint16(newer[len(magic):], version+1)
	older := bytes.Clone(data)
	binary.BigEndian.PutUint16(older[len(magic):], 0)
	huge := bytes.Clone(data)
	binary.BigEndian.PutUint64(huge[len(magic)+2:], 1<<63)
	for name, row := range map[string]struct {
		data []byte
		want error
		says string
	}{
		"newer format": {newer, ErrNewer, "version 2, and 1 is the newest known"},
		"older format": {older, ErrFormat, "version 0"},
		"another file": {[]byte("#!/bin/sh\n"), ErrFormat, path},
		"empty":        {nil, ErrTruncated, "0 of 18 bytes"},
		"absurd size":  {huge, ErrSealed, path},
		"cut off":      {data[:40], ErrTruncated, fmt.Sprintf("40 of %d bytes", len(data))},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readOf(t, path, row.data)
			if !errors.Is(err, row.want) || !strings.Contains(err.Error(), row.says) {
				t.Errorf("got %v, want %v with %q", err, row.want, row.says)
			}
		})
	}
	if _, err := open(t, path+".none", aead(t, "key")).Read(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	os.WriteFile(path, data, 0o600)
	if got, err := open(t, path, aead(t, "other")).Read(); !errors.Is(err, ErrSealed) || got != nil {
		t.Errorf("another key: %q, %v", got, err)
	}
}

func TestASealerWithoutANonceOfItsCallersWorks(t *testing.T) {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	f := open(t, filepath.Join(t.TempDir(), "f"), gcm)
	if err := f.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if got, err := f.Read(); string(got) != text || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

type panicking struct{ cipher.AEAD }

func (panicking) Seal([]byte, []byte, []byte, []byte) []byte          { panic(text) }
func (panicking) Open([]byte, []byte, []byte, []byte) ([]byte, error) { panic(text) }

func TestAPanicOfTheSealerIsAnErrorWithoutTheText(t *testing.T) {
	path, _ := written(t)
	f := open(t, path, panicking{aead(t, "key")})
	_, read := f.Read()
	for _, err := range []error{read, f.Write([]byte(text))} {
		if !errors.Is(err, guard.ErrPanic) || strings.Contains(err.Error(), text[:4]) {
			t.Errorf("got %v", err)
		}
	}
}

func TestNewRefusesWhatCanBeNoFile(t *testing.T) {
	var nilGCM *struct{ cipher.AEAD }
	for name, f := range map[string]func() (*File, error){
		"no path":     func() (*File, error) { return New("", aead(t, "key")) },
		"a directory": func() (*File, error) { return New("/tmp/", aead(t, "key")) },
		"no sealer":   func() (*File, error) { return New("f", nil) },
		"nil pointer": func() (*File, error) { return New("f", nilGCM) },
	} {
		if _, err := f(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzRead(f *testing.F) {
	path, data := written(f)
	f.Add(data)
	f.Add(data[:20])
	f.Fuzz(func(t *testing.T, data []byte) {
		if got, err := readOf(t, path+"2", data); err == nil && string(got) != text {
			t.Errorf("read %q", got)
		}
	})
}

func benchmark(b *testing.B, f func(*File, []byte) error) {
	plain := bytes.Repeat([]byte{'x'}, 300_000)
	file := open(b, filepath.Join(b.TempDir(), "f"), aead(b, "key"))
	if err := file.Write(plain); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := f(file, plain); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWrite(b *testing.B) { benchmark(b, (*File).Write) }

func BenchmarkRead(b *testing.B) {
	benchmark(b, func(f *File, _ []byte) error { _, err := f.Read(); return err })
}
