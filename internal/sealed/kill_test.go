package sealed

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// writerEnv is set where this program is to write to the file that it names, until it is
// killed.
const writerEnv = "SEALED_TEST_WRITE_TO"

func TestMain(m *testing.M) {
	if path := os.Getenv(writerEnv); path != "" {
		if err := writeForever(path); err != nil {
			fmt.Println(err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// numbered is a text that shows whether it is whole.
func numbered(n int) string { return strings.Repeat(fmt.Sprintf("%d ", n), 5000) }

// writeForever writes texts with rising numbers, and tells each that is written.
func writeForever(path string) error {
	gcm := aead(fatal{}, "key")
	f, err := New(path, gcm)
	for n := 1; err == nil; n++ {
		if err = f.Write([]byte(numbered(n))); err == nil {
			fmt.Println(n)
		}
	}
	return err
}

// fatal is a testing.TB for where there is no test.
type fatal struct{ testing.TB }

func (fatal) Helper() {}

func TestAProcessThatIsKilledLeavesAWholeFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.sealed")
	for range 30 {
		told := writeUntilKilled(t, path, 1+rand.IntN(20), time.Duration(rand.IntN(1000))*time.Microsecond)
		got, err := open(t, path, aead(t, "key")).Read()
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(string(got), " ")
		if n, err := strconv.Atoi(first); err != nil || string(got) != numbered(n) || n < told {
			t.Fatalf("the file has number %s, and %d was told", first, told)
		}
	}
	temporary, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*.tmp"))
	old := time.Now().Add(-time.Hour)
	for _, left := range temporary {
		if err := os.Chtimes(left, old, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := open(t, path, aead(t, "key")).Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("%d killed writers left %d files, and the next write %d", len(temporary), len(temporary), len(left)-1)
	}
}

// writeUntilKilled has another process write until it told of some texts, kills it
// somewhat later, and returns the last that it told.
func writeUntilKilled(t *testing.T, path string, some int, later time.Duration) (told int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), writerEnv+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if told, err = strconv.Atoi(lines.Text()); err != nil {
			t.Fatalf("the writer: %s", lines.Text())
		}
		if some--; some == 0 {
			time.AfterFunc(later, func() { cmd.Process.Kill() }) // in the middle of a write
		}
	}
	cmd.Wait()
	return told
}
