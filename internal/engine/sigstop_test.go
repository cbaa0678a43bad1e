//go:build unix

package engine_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
)

// A child process reads a busy secret, is stopped for longer than its TTL, and
// goes on.
func TestAfterSIGSTOPAndSIGCONTAValuePastItsTTLIsTried(t *testing.T) {
	if mode, isChild := strings.CutPrefix(os.Getenv("CACHE_TEST_STOPPED"), "yes"); isChild {
		readUntilStopped(t, mode)
		return
	}
	test := t.Name()
	for _, strict := range []string{"", "strict"} {
		t.Run("CheckClock="+strict, func(t *testing.T) {
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+test+"$")
			child.Env = append(os.Environ(), "CACHE_TEST_STOPPED=yes"+strict)
			in, err := child.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			child.Stderr = os.Stderr
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			if !lines.Scan() || lines.Text() != "warm" {
				t.Fatalf("the child says %q", lines.Text())
			}
			child.Process.Signal(syscall.SIGSTOP)
			var status syscall.WaitStatus
			if _, err := syscall.Wait4(child.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
				t.Fatalf("not stopped: %v, %v", status, err)
			}
			// No state to wait for: the child's clocks are the system's, and must see
			// this time go by while it is stopped.
			time.Sleep(stoppedTTL + stoppedTTL/10)
			fmt.Fprintln(in, "go on")
			child.Process.Signal(syscall.SIGCONT)
			if !lines.Scan() || lines.Text() != "tried" {
				t.Errorf("the child says %q", lines.Text())
			}
			in.Close()
			if err := child.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// stoppedTTL is longer than a tick, and than the child can be held up between
// its last read and the signal.
const stoppedTTL = 2 * time.Second

func readUntilStopped(t *testing.T, mode string) {
	runtime.GOMAXPROCS(1) // so the reader may come before the timer
	s := serving("db")
	c := open(t, s, engine.Config{TTL: stoppedTTL, NoRefreshAhead: true, CheckClock: mode == "strict"})
	snap := snapshot(t, c, "db")
	fmt.Println("warm")
	bufio.NewReader(os.Stdin).ReadString('\n') // stopped here
	continued := time.Now()
	for s.count() == 1 {
		late := time.Since(continued) // before the read
		if !snap.Fresh() {
			snap, _ = c.Lookup(context.Background(), ref("db"))
		}
		if s.count() == 1 && (mode == "strict" || late > engine.Tick) {
			fmt.Printf("a read %v after the stop tried nothing\n", late)
			return
		}
	}
	fmt.Println("tried")
}
