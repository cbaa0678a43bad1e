package sealed

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/internal/guard"
)

const text = "Zq7!Xw9@Kv3#Jp5$Ym1%Ub8^Tn2&Rc6*"

func aead(key string) cipher.AEAD {
	block, err := aes.NewCipher(fmt.Appendf(nil, "%-32s", key))
	if err != nil {
		panic(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return gcm
}

func open(t testing.TB, path string, a cipher.AEAD) *File {
	t.Helper()
	f, err := New(path, a, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// written writes the text to a file, and returns its path and content.
func written(t testing.TB) (path string, data []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "secrets.sealed")
	if err := open(t, path, aead("key")).Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, data
}

func TestWhatIsWrittenIsReadAndNotInTheFile(t *testing.T) {
	path, data := written(t)
	if got, err := open(t, path, aead("key")).Read(); string(got) != text || err != nil {
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
	if err := open(t, path, aead("key")).Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
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

// A careless AEAD keeps the buffer to which it appends, leaves the plain text in it, and
// then fails in one of these ways.
type careless struct {
	cipher.AEAD
	kept *[]byte
	how  string
}

const (
	panics    = "panic"
	fails     = "failure"
	ownBuffer = "failure with a buffer of its own"
)

func (a careless) Seal(dst, _, plain, _ []byte) []byte {
	if a.how == ownBuffer {
		dst = bytes.Clone(dst)
	}
	*a.kept = append(dst, plain...)
	if a.how == panics {
		panic(text)
	}
	return *a.kept
}

func (a careless) Open(dst, nonce, data, header []byte) ([]byte, error) {
	plain, err := a.AEAD.Open(dst, nonce, data, header)
	if err != nil {
		return nil, err
	}
	if a.how == ownBuffer {
		plain = bytes.Clone(plain)
	}
	*a.kept = plain
	if a.how == panics {
		panic(text)
	}
	return plain, errors.New(text)
}

func TestAFailureOfTheSealerIsAnErrorWithoutTheTextAndLeavesNoneInMemory(t *testing.T) {
	for _, how := range []string{panics, fails, ownBuffer} {
		t.Run(how, func(t *testing.T) {
			path, data := written(t)
			var opening, sealing []byte
			got, read := open(t, path, careless{aead("key"), &opening, how}).Read()
			wrote := open(t, path, careless{aead("key"), &sealing, how}).Write([]byte(text))
			for _, err := range []error{read, wrote} {
				if err == nil || errors.Is(err, guard.ErrPanic) != (how == panics) || strings.Contains(err.Error(), text[:4]) || !strings.Contains(err.Error(), path) {
					t.Errorf("got %v", err)
				}
			}
			if got != nil || how != panics && !errors.Is(read, ErrSealed) {
				t.Errorf("got %q, %v", got, read)
			}
			for doing, kept := range map[string][]byte{"opening": opening, "sealing": sealing} {
				if len(kept) < len(text) || bytes.Contains(kept, []byte(text[:4])) {
					t.Errorf("%s left %q", doing, kept)
				}
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(after, data) {
				t.Error("the file has changed")
			}
		})
	}
}

// A lax AEAD may add less than its Overhead, as the interface allows.
type lax struct{ cipher.AEAD }

func (a lax) Overhead() int { return a.AEAD.Overhead() + 1 }

// A bare AEAD does not append to the buffer that it gets.
type bare struct{ cipher.AEAD }

func (a bare) Seal(dst, nonce, plain, header []byte) []byte {
	return append(make([]byte, len(dst)), a.AEAD.Seal(nil, nonce, plain, header)...)
}

func TestWhatCouldNotBeReadIsNotWritten(t *testing.T) {
	path, data := written(t)
	for name, sealer := range map[string]cipher.AEAD{"inexact overhead": lax{aead("key")}, "does not append": bare{aead("key")}} {
		err := open(t, path, sealer).Write([]byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), "sealing "+path+": ") || !strings.Contains(err.Error(), "give a cipher.AEAD that does") {
			t.Errorf("%s: %v", name, err)
		}
		if after, _ := os.ReadFile(path); !bytes.Equal(after, data) {
			t.Errorf("%s: the file has changed", name)
		}
	}
}

// A printable AEAD shows its key, as careless ones do.
type printable struct {
	cipher.AEAD
	Key string
}

func (a printable) String() string { return a.Key }

func TestAFileShowsNoKey(t *testing.T) {
	f := open(t, "f", printable{aead("key"), text})
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("", "file", f)
	json, _ := json.Marshal([]any{f})
	shown := fmt.Sprintf("%v %+v %#v %s %s", f, f, f, json, &log)
	if strings.Contains(shown, text[:4]) {
		t.Errorf("it shows: %s", shown)
	}
}

func TestAnEmptyTextIsAText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	f := open(t, path, aead("key"))
	if err := f.Write(nil); err != nil {
		t.Fatal(err)
	}
	if got, err := f.Read(); err != nil || len(got) != 0 || f.Path() != path {
		t.Errorf("%s: %q, %v", f.Path(), got, err)
	}
}

func TestNewSaysWhatToGive(t *testing.T) {
	var nilGCM *struct{ cipher.AEAD }
	for name, row := range map[string]struct {
		path   string
		sealer cipher.AEAD
		says   string
	}{
		"no path":     {"", aead("key"), "give one such as /"},
		"no sealer":   {"f", nil, "give a cipher.AEAD"},
		"nil pointer": {"f", nilGCM, "give a cipher.AEAD"},
	} {
		if _, err := New(row.path, row.sealer, 1<<20); err == nil || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// benchmark uses a text as long as that of 1,000 secrets.
func benchmark(b *testing.B, f func(*File, []byte) error) {
	plain := bytes.Repeat([]byte{'x'}, 300_000)
	file := open(b, filepath.Join(b.TempDir(), "f"), aead("key"))
	if err := file.Write(plain); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(plain)))
	b.ReportAllocs()
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
