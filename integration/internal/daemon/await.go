package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// ErrExited means that a program ended before it answered. That happens if another program
// took its port first.
var ErrExited = errors.New("it has ended before it answered")

// Await calls try until it succeeds, the program has ended, or the time is over. It has to
// try again and again, since the program does not report when it is ready.
func (p *Process) Await(timeout time.Duration, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	for delay := 5 * time.Millisecond; ; delay = min(2*delay, 200*time.Millisecond) {
		err := try(ctx)
		if err == nil {
			return nil
		}
		timer := time.NewTimer(delay)
		select {
		case <-timer.C:
		case <-p.exited:
			timer.Stop()
			return fmt.Errorf("%w; it printed: %s", ErrExited, p.tail())
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("no answer after %v: %w; it printed: %s", timeout, err, p.tail())
		}
	}
}

// Serve starts a program that listens on a port, and waits until it answers. The function
// run makes the command and the try for a port. If another program takes the port first,
// Serve tries another port.
func Serve(timeout time.Duration, run func(port int) (Command, func(context.Context) error)) (*Process, int, error) {
	const attempts = 3
	for n := 1; ; n++ {
		port, err := FreePort()
		if err != nil {
			return nil, 0, err
		}
		c, try := run(port)
		p, err := Start(c)
		if err != nil {
			return nil, 0, err
		}
		if err = p.Await(timeout, try); err == nil {
			return p, port, nil
		}
		err = errors.Join(err, p.Close(0))
		if n == attempts || !errors.Is(err, ErrExited) {
			return nil, 0, err
		}
	}
}

// FreePort returns a port of the loopback interface that is free at the moment.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Wait waits for a program that ends by itself, and returns an error if it failed.
func (p *Process) Wait(timeout time.Duration) error {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-p.exited:
		if !p.cmd.ProcessState.Success() {
			return fmt.Errorf("%v; it printed: %s", p.cmd.ProcessState, p.tail())
		}
		return nil
	case <-timer.C:
		return fmt.Errorf("not done after %v; it printed: %s", timeout, p.tail())
	}
}
