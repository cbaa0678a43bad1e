// Package daemon runs a real server program for the duration of a test: [Find] looks for
// the program, [Account.MkdirTemp] makes its folder, [Start] runs it and [Process.Await]
// waits until it answers. The packages pgtest and redistest share it.
package daemon

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Command describes how to run a program and how to stop it.
type Command struct {
	Path    string
	Args    []string
	Dir     string // the working folder
	Log     string // the file for the program's output
	Account *Account
	Env     []string   // beside the environment of this process
	Files   []*os.File // open in the program as its descriptors 3, 4 and so on

	// Stop is the signal that asks the program to end. Orphaned is sent to it when this
	// process dies without having stopped it, if the system can do that.
	Stop, Orphaned syscall.Signal
}

// Process is a program that Start has started. Its methods are safe for
// concurrent use.
type Process struct {
	cmd    *exec.Cmd
	stop   os.Signal
	log    string
	exited chan struct{} // closed when the program has ended
}

// Start runs a program.
//
// The kernel ties the signal for orphans to the thread that started the program,
// not to the process (prctl(2), PR_SET_PDEATHSIG), and the Go runtime ends
// threads as it likes. So a goroutine that is locked to its thread starts the
// program and stays there, waiting for its end.
func Start(c Command) (*Process, error) {
	log, err := os.OpenFile(c.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Dir = c.Dir
	cmd.Env = append(cmd.Environ(), c.Env...)
	// The output goes to a file, not to a pipe: Wait would wait for all processes that have
	// the pipe open, also for the program's own children.
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = c.Files
	cmd.SysProcAttr = c.Account.attr(c.Orphaned)
	p := &Process{cmd: cmd, stop: c.Stop, log: c.Log, exited: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
			close(p.exited)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// PID returns the process ID.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Exited is closed when the program has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Close ends the program, by force if it takes longer than the grace.
func (p *Process) Close(grace time.Duration) error {
	if err := p.cmd.Process.Signal(p.stop); err != nil && !errors.Is(err, os.ErrProcessDone) {
		grace = 0
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.exited:
		return nil
	case <-timer.C:
	}
	return p.Kill()
}

// Kill ends the program by force, and returns when it has ended.
func (p *Process) Kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("can't end process %d: %w", p.PID(), err)
	}
	<-p.exited
	return nil
}

// tail returns the end of what the program has printed.
func (p *Process) tail() string {
	const most = 2000
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-most):])
}
