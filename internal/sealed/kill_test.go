package sealed

import (
	"bufio"
	"errors"
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

// writerEnv is an environment variable. If it is set, this program writes to the file that
// it names until it is killed.
const writerEnv = "SEALED_TEST_WRITE_TO"

func TestMain(m *testing.M) {
	if path := os.Getenv(writerEnv); path != "" {
		fmt.Println(writeForever(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// numbered returns a text that repeats n, so that a part of it can be recognised.
func numbered(n int) string { return strings.Repeat(fmt.Sprintf("%d ", n), 20_000) }

// numberOf returns the number in a text, or an error if the text is not whole.
func numberOf(text []byte) (int, error) {
	first, _, _ := strings.Cut(string(text), " ")
	n, err := strconv.Atoi(first)
	if err != nil || string(text) != numbered(n) {
		return 0, errors.New("the text is not whole")
	}
	return n, nil
}

// writeForever writes texts with rising numbers, from that in the file on. It prints each
// number after the text is written.
func writeForever(path string) error {
	f, err := newFile(path, aead("key"), telling{}, 1<<20)
	if err != nil {
		return err
	}
	n := 0
	if old, err := f.Read(); err == nil {
		n, err = numberOf(old)
		if err != nil {
			return err
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for {
		n++
		if err := f.Write([]byte(numbered(n))); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// aStep is printed before each of the steps of a write.
const (
	aStep = "step"
	steps = 6
)

// telling is the file system. It prints aStep before each step of a write.
type telling struct{ osDisk }

type tellingFile struct{ temporary }

func (d telling) create(dir, pattern string) (temporary, error) {
	fmt.Println(aStep)
	f, err := d.osDisk.create(dir, pattern)
	return tellingFile{f}, err
}

func (d telling) rename(from, to string) error {
	fmt.Println(aStep)
	return d.osDisk.rename(from, to)
}

func (d telling) syncDir(dir string) error {
	fmt.Println(aStep)
	return d.osDisk.syncDir(dir)
}

func (f tellingFile) Write(p []byte) (int, error) {
	fmt.Println(aStep)
	return f.temporary.Write(p)
}

func (f tellingFile) Sync() error {
	fmt.Println(aStep)
	return f.temporary.Sync()
}

func (f tellingFile) Close() error {
	fmt.Println(aStep)
	return f.temporary.Close()
}

func TestAProcessThatIsKilledLeavesAWholeFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.sealed")
	last := 0
	for round := range 5 * (steps + 1) {
		told := writeUntilKilled(t, path, rand.IntN(4)*(steps+1)+round%(steps+1)+1)
		last = max(last, told)
		got, err := open(t, path, aead("key")).Read()
		if last == 0 && errors.Is(err, os.ErrNotExist) {
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		n, err := numberOf(got)
		if err != nil || n != last && n != last+1 {
			t.Fatalf("the file has number %d, and %d was printed: %v", n, last, err)
		}
		last = n
	}
	temporary, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*.tmp"))
	for _, left := range temporary {
		age(t, left, time.Hour)
	}
	if err := open(t, path, aead("key")).Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("killed writers left %d files, and the next write %d", len(temporary), len(left)-1)
	}
}

// writeUntilKilled starts another process that writes. It kills that process after it has
// printed this many lines, so during the next step, and returns the last number that the
// process printed.
func writeUntilKilled(t *testing.T, path string, some int) (told int) {
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
		if line := lines.Text(); line != aStep {
			if told, err = strconv.Atoi(line); err != nil {
				t.Fatalf("the writer: %s", line)
			}
		}
		if some--; some == 0 {
			cmd.Process.Kill()
		}
	}
	if cmd.Wait(); cmd.ProcessState.Exited() || some > 0 {
		t.Fatalf("the writer was not killed: %v", cmd.ProcessState)
	}
	return told
}
