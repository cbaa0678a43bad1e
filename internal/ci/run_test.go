//go:build unix

// Package ci tests .ci/run, with steps, modules and a go command of its own.
package ci

import (
	"bytes"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// A checkout is a repository with .ci/run and two modules, in a directory with a space.
type checkout struct {
	t        *testing.T
	top, dir string // dir has the repository; beside it lie the caches
	env      []string
}

func newCheckout(t *testing.T) checkout {
	t.Helper()
	top := filepath.Join(t.TempDir(), "a folder")
	c := checkout{t: t, top: top, dir: filepath.Join(top, "repo")}
	c.env = slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "GIT_")
	})
	c.env = append(c.env, "XDG_CACHE_HOME="+filepath.Join(top, "cache"), "GIT_CONFIG_GLOBAL="+os.DevNull)
	for _, name := range []string{"run", "modules.sh", "install.sh", "steps/race.sh"} {
		text, err := os.ReadFile(filepath.Join("../../.ci", name))
		if err != nil {
			t.Fatal(err)
		}
		c.write("repo/.ci/"+name, string(text))
	}
	c.write("repo/go.mod", "module example.com/m\n")
	c.write("repo/a.go", "package m\n")
	c.write("repo/sub/go.mod", "module example.com/m/sub\n")
	c.write("repo/sub/b.go", "package sub\n")
	for _, args := range [][]string{{"init", "--quiet"}, {"add", "--all"}} {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir, cmd.Env = c.dir, c.env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	// Git sets these variables when it runs a hook.
	c.env = append(c.env, "GIT_DIR="+filepath.Join(top, "elsewhere"), "GIT_INDEX_FILE=elsewhere")
	if said, _ := c.run("list"); strings.Contains(said, "needs bash") {
		t.Skip(said)
	}
	return c
}

func (c checkout) write(name, text string) {
	c.t.Helper()
	path := filepath.Join(c.top, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o777); err != nil {
		c.t.Fatal(err)
	}
}

// step writes the step x.
func (c checkout) step(text string) { c.write("repo/.ci/steps/x.sh", text) }

func (c checkout) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(c.t.Context(), "bash", append([]string{".ci/run"}, args...)...)
	cmd.Dir, cmd.Env = c.dir, c.env
	return cmd
}

// run returns what .ci/run prints, and its exit status.
func (c checkout) run(args ...string) (said string, status int) {
	c.t.Helper()
	cmd := c.command(args...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		c.t.Skipf("no bash: %v", err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func TestAFailureInAPartFailsTheRun(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"a command":                      `false; echo "went on"`,
		"the beginning of a pipe":        `false | cat`,
		"a command within an assignment": `lines() { local list; list=$(false); echo "went on $list"; }; local l; l=$(lines)`,
		"one of the modules":             `in_module_of_root() { echo "in $PWD"; [ "$PWD" != "$ROOT" ]; }; in_modules in_module_of_root`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCheckout(t)
			c.step("bad() { " + body + "; }\ngood() { echo \"the next part\"; }\npart 'a bad one' bad\npart 'a good one' good\n")
			said, status := c.run("x")
			if status != 1 || strings.Contains(said, "went on") || !strings.HasSuffix(said, "failed: x: a bad one\n1 passed, 1 failed\n") {
				t.Errorf("exit status %d\n%s", status, said)
			}
			if !strings.Contains(said, "\nthe next part\n") {
				t.Errorf("the next part did not run:\n%s", said)
			}
			if name == "one of the modules" && !strings.Contains(said, "\nin "+c.dir+"/sub\n") {
				t.Errorf("the next module was left out:\n%s", said)
			}
		})
	}
}

func TestWhatCanNotBeInstalledIsToBeInstalledByHand(t *testing.T) {
	t.Parallel()
	c := newCheckout(t)
	c.step("install_no_such() { sh -c 'exit 3'; }\nneed no_such\nneed no_such\n")
	said, status := c.run("x")
	_, why, _ := strings.Cut(said, "=== why x: install no such failed\n")
	if status != 1 || !strings.HasPrefix(why, "Install by hand what install_no_such ") || !strings.HasSuffix(why, "\n0 passed, 1 failed\n") {
		t.Errorf("exit status %d\n%s", status, said)
	}
}

func TestAPersonsEnvironmentStaysOutside(t *testing.T) {
	t.Parallel()
	c := newCheckout(t)
	c.env = append(c.env, "GOFLAGS=-mod=mod", "GOWORK=/nowhere", "TYPEDSECRET_SOURCE=mine", "AWS_PROFILE=mine", "CDPATH=/nowhere")
	c.step(`shows() { env | grep -E '^(GIT_DIR|GIT_INDEX_FILE|GOFLAGS|GOWORK|TYPEDSECRET_|AWS_|CDPATH)' | sort; }
part shows shows
`)
	const want = "AWS_EC2_METADATA_DISABLED=true\nGOFLAGS=-buildvcs=false -count=1\nGOWORK=off\n"
	if said, _ := c.run("x"); !strings.Contains(said, "=== x: shows\n"+want+"---") {
		t.Errorf("want\n%s\nin\n%s", want, said)
	}
}

func TestTheEndSaysWhatFailed(t *testing.T) {
	t.Parallel()
	passed := strings.Repeat("ok  \texample.com/m/p\t0.1s\n", 2000)
	stack := "goroutine 1 [running]:\n" + strings.Repeat("main.f(...)\n\t/x/y.go:1 +0x1\n", 400)
	for _, tt := range []struct {
		name, log string
		want      []string
	}{
		{
			"a test among many", passed + "--- FAIL: TestThis (0.01s)\n    this_test.go:12: got 1, want 2\nFAIL\nFAIL\texample.com/m/q\t0.2s\n" + passed,
			[]string{"--- FAIL: TestThis (0.01s)\n    this_test.go:12: got 1, want 2\nFAIL\nFAIL\texample.com/m/q"},
		},
		{
			"a data race", passed + "==================\nWARNING: DATA RACE\nRead at 0x1 by goroutine 2:\n  m.f()\n" + passed,
			[]string{"WARNING: DATA RACE\nRead at 0x1 by goroutine 2:\n  m.f()\n"},
		},
		{
			"panics with long stacks", passed + strings.Repeat("panic: no\n\n"+stack+"FAIL\texample.com/m/q\t0.2s\n", 30) + passed,
			[]string{"panic: no\n\ngoroutine 1", "more lines like these)"},
		},
		{
			"a package that does not compile", "# example.com/m/q\nq/q.go:3:1: undefined: f\nFAIL\texample.com/m/q [build failed]\n" + passed,
			[]string{"# example.com/m/q\nq/q.go:3:1: undefined: f\n"},
		},
		{
			"no test", strings.Repeat("a line\n", 2000) + "x.go:1:2: unused (U1000)\n" + strings.Repeat("another\n", 20),
			[]string{"a line\nx.go:1:2: unused (U1000)\nanother\n"},
		},
		{"nothing", "", []string{"=== why x: tests failed\nfailed: x: tests\n"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCheckout(t)
			c.write("log", tt.log)
			c.step("tests() { cat ../log; return 3; }\npart tests tests\n")
			said, status := c.run("x")
			_, why, _ := strings.Cut(said, "=== parts")
			if status != 1 || strings.Count(why, "\n") > 130 || len(why) > 10_000 {
				t.Errorf("exit status %d, %d lines of %d bytes:\n%s", status, strings.Count(why, "\n"), len(why), why)
			}
			for _, want := range tt.want {
				if !strings.Contains(why, want) {
					t.Errorf("%q is not at the end:\n%s", want, why)
				}
			}
		})
	}
}

func TestAnInterruptEndsTheRun(t *testing.T) {
	t.Parallel()
	c := newCheckout(t)
	// The step exits with 1 at an interrupt, as the go command does.
	c.step(`waits() { bash -c 'trap "exit 1" INT; echo ready; for i in {1..400}; do sleep 0.05; done'; }
next() { echo "went on"; }
part waits waits
part next next
`)
	cmd := c.command("x")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out := &ready{seen: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = out, out
	// A background job ignores SIGINT, and its children inherit that. If this process has a
	// handler, the children get the default action instead.
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, syscall.SIGINT)
	err := cmd.Start()
	signal.Stop(interrupts)
	if err != nil {
		t.Fatal(err)
	}
	<-out.seen
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != 130 || strings.Contains(string(out.text), "went on") {
		t.Errorf("exit status %d\n%s", got, out.text)
	}
}

// ready is an output that reports when the word ready was written to it.
type ready struct {
	text []byte
	seen chan struct{}
	told bool
}

func (r *ready) Write(p []byte) (int, error) {
	r.text = append(r.text, p...)
	if !r.told && bytes.Contains(r.text, []byte("ready")) {
		r.told = true
		close(r.seen)
	}
	return len(p), nil
}
