// Package browser starts a real Chromium without a screen, for tests that look at a page as
// people do. [New] starts one for a test, [Browser.Open] opens a page in a [Tab], which can be
// asked, clicked and photographed. It speaks the Chrome DevTools Protocol over a pipe.
package browser

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/integration/internal/daemon"
)

// ErrNotInstalled says that Chromium is not on this machine.
var ErrNotInstalled = errors.New("chromium is not on PATH; install Debian's package chromium")

const (
	patience = time.Minute      // with one command
	grace    = 10 * time.Second // for an end in good order
)

// A Browser is a running Chromium. It is safe for concurrent use.
type Browser struct {
	dir     string
	process *daemon.Process
	in      *os.File

	mu      sync.Mutex // guards what follows, and writes to in
	next    int
	waiting map[int]chan reply
	err     error // why there are no more answers
}

// A reply is what the browser answers to a command.
type reply struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// New starts a browser for a test, which fails if there is none to be had, and closes it when the
// test is over.
func New(t testing.TB) *Browser {
	t.Helper()
	b, err := Start()
	return daemon.For(t, b, err)
}

// Start starts a browser and returns when it answers.
func Start() (*Browser, error) {
	b := &Browser{waiting: map[int]chan reply{}}
	if err := b.start(); err != nil {
		return nil, fmt.Errorf("browser: %w", errors.Join(err, b.Close()))
	}
	return b, nil
}

func (b *Browser) start() (err error) {
	found := daemon.Find([]string{"chromium"}, []string{"/usr/bin", "/usr/lib/chromium"})
	if found == nil {
		return ErrNotInstalled
	}
	if b.dir, err = os.MkdirTemp("", "browser-"); err != nil {
		return err
	}
	theirIn, ourIn, err := os.Pipe()
	if err != nil {
		return err
	}
	defer theirIn.Close()
	b.in = ourIn
	ourOut, theirOut, err := os.Pipe()
	if err != nil {
		return err
	}
	defer theirOut.Close()
	args := []string{
		"--headless=new", "--remote-debugging-pipe", "--user-data-dir=" + filepath.Join(b.dir, "profile"),
		"--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
		"--disable-extensions", "--no-first-run", "--hide-scrollbars", "--force-color-profile=srgb", "--lang=en",
		"--no-sandbox", // root has none, and a container may allow none; the pages are our own
		"about:blank",
	}
	b.process, err = daemon.Start(daemon.Command{
		Path: found[0], Args: args, Dir: b.dir, Log: filepath.Join(b.dir, "log"),
		Files: []*os.File{theirIn, theirOut}, Stop: syscall.SIGTERM, Orphaned: syscall.SIGKILL,
	})
	if err != nil {
		ourOut.Close()
		return err
	}
	go b.listen(ourOut)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return b.call(ctx, "", "Browser.getVersion", nil, nil)
}

// Close ends the browser and removes its folder.
func (b *Browser) Close() error {
	var errs []error
	if b.process != nil {
		ctx, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		if b.call(ctx, "", "Browser.close", nil, nil) == nil { // so that its helpers end before it
			select {
			case <-b.process.Exited():
			case <-ctx.Done():
			}
		}
		errs = append(errs, b.process.Close(grace))
	}
	if b.in != nil {
		errs = append(errs, b.in.Close())
	}
	if b.dir != "" {
		errs = append(errs, b.clear())
	}
	return errors.Join(errs...)
}

// clear removes the browser's folder, into which its helpers write until they see that it is gone.
func (b *Browser) clear() error {
	for end := time.Now().Add(grace); ; time.Sleep(20 * time.Millisecond) {
		if err := os.RemoveAll(b.dir); err == nil || time.Now().After(end) {
			return err
		}
	}
}

// listen hands each answer to its caller. Messages end with a zero byte.
func (b *Browser) listen(out io.ReadCloser) {
	defer out.Close()
	r := bufio.NewReader(out)
	for {
		text, err := r.ReadBytes(0)
		if err != nil {
			b.fail(fmt.Errorf("chromium has closed its pipe: %w", err))
			return
		}
		var got reply
		if json.Unmarshal(text[:len(text)-1], &got) != nil || got.ID == 0 {
			continue // an event
		}
		b.mu.Lock()
		answer := b.waiting[got.ID]
		delete(b.waiting, got.ID)
		b.mu.Unlock()
		if answer != nil {
			answer <- got
		}
	}
}

// fail ends all calls.
func (b *Browser) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
	for id, answer := range b.waiting {
		close(answer)
		delete(b.waiting, id)
	}
}

// call gives the browser, or the session of a tab, a command.
func (b *Browser) call(ctx context.Context, session, method string, params, result any) error {
	answer := make(chan reply, 1)
	if err := b.send(session, method, params, answer); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case got, ok := <-answer:
		switch {
		case !ok:
			return fmt.Errorf("%s: %w", method, b.err)
		case got.Error != nil:
			return fmt.Errorf("%s: %s", method, got.Error.Message)
		case result == nil:
			return nil
		}
		return json.Unmarshal(got.Result, result)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, ctx.Err())
	}
}

func (b *Browser) send(session, method string, params any, answer chan reply) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return b.err
	}
	b.next++
	text, err := json.Marshal(struct {
		ID      int    `json:"id"`
		Session string `json:"sessionId,omitempty"`
		Method  string `json:"method"`
		Params  any    `json:"params,omitempty"`
	}{b.next, session, method, params})
	if err != nil {
		return err
	}
	b.waiting[b.next] = answer
	_, err = b.in.Write(append(text, 0))
	return err
}
