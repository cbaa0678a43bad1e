package notifytest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/notify"
	"github.com/typedsecret/typedsecret/notify/notifytest"
)

// A belt is a carrier in this process.
type belt struct {
	keeps bool

	mu       sync.Mutex // guards the rest
	password int
	broken   bool
	waiting  [][]byte // of one that keeps
	lines    map[*line]bool
}

// A line is a connection.
type line struct {
	b        *belt
	messages chan []byte   // of a belt that does not keep
	arrived  chan struct{} // of one that does: there is something to take
	ended    chan struct{} // closed when the connection breaks
	taken    [][]byte      // what was taken and is neither done with nor given back; b.mu guards it
}

var (
	errBroken  = errors.New("the connection is broken")
	errRefused = errors.New("the password is refused")
)

func (b *belt) dial(password int) (*line, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.broken:
		return nil, errBroken
	case password != b.password:
		return nil, errRefused
	}
	l := &line{b: b, messages: make(chan []byte, 1_000), arrived: make(chan struct{}, 1), ended: make(chan struct{})}
	b.lines[l] = true
	l.wake()
	return l, nil
}

func (l *line) wake() {
	select {
	case l.arrived <- struct{}{}:
	default:
	}
}

// close ends a connection, and puts the messages back that the connection has taken and not settled.
func (l *line) close() {
	l.b.mu.Lock()
	defer l.b.mu.Unlock()
	l.b.drop(l)
}

// drop does the work of close. The lock is held.
func (b *belt) drop(l *line) {
	if !b.lines[l] {
		return
	}
	delete(b.lines, l)
	b.waiting = append(b.waiting, l.taken...)
	l.taken = nil
	close(l.ended)
	for other := range b.lines {
		other.wake()
	}
}

// next takes up to ten messages.
func (l *line) next(ctx context.Context) ([][]byte, error) {
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-l.ended:
			return nil, errBroken
		case message := <-l.messages:
			return [][]byte{message}, nil
		case <-l.arrived:
		}
		l.b.mu.Lock()
		n := min(10, len(l.b.waiting))
		batch := append([][]byte(nil), l.b.waiting[:n]...)
		l.b.waiting = l.b.waiting[n:]
		l.taken = append(l.taken, batch...)
		if len(l.b.waiting) > 0 {
			l.wake()
		}
		l.b.mu.Unlock()
		if n > 0 {
			return batch, nil
		}
	}
}

// settle ends what next has begun: a message is done with, or it is given back and delivered
// again a little later.
func (l *line) settle(message []byte, done bool) {
	if !done {
		time.AfterFunc(10*time.Millisecond, func() { l.release(message, true) })
		return
	}
	l.release(message, false)
}

// release ends that a message is taken, if it still is.
func (l *line) release(message []byte, again bool) {
	l.b.mu.Lock()
	defer l.b.mu.Unlock()
	i := slices.IndexFunc(l.taken, func(m []byte) bool { return &m[:1][0] == &message[:1][0] })
	if i < 0 {
		return
	}
	l.taken = slices.Delete(l.taken, i, i+1)
	if again {
		l.b.waiting = append(l.b.waiting, message)
		l.wake()
	}
}

func (b *belt) send(message []byte) {
	message = append(make([]byte, 0, len(message)+1), message...) // with an address of its own
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.keeps {
		b.waiting = append(b.waiting, message)
	}
	for l := range b.lines {
		if b.keeps {
			l.wake()
		} else {
			l.messages <- message
		}
	}
}

func (b *belt) breakAll() (mend func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.broken = true
	for l := range b.lines {
		b.drop(l)
	}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.broken = false
	}
}

func (b *belt) rotate() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.password++
	for l := range b.lines {
		b.drop(l)
	}
}

func (b *belt) left() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.waiting)
	for l := range b.lines {
		n += len(l.taken)
	}
	return n
}

// current is how a receiver asks for its credentials.
func (b *belt) current() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.password
}

// A receiver is a notify.Receiver of a belt. The zero value of each field but the first two
// makes it one as it should be.
type receiver struct {
	b       *belt
	onError func(error)

	password func() int
	lossy    bool
	dialling func(ctx context.Context, d *notify.Delivery)
	deliver  func(ctx context.Context, d *notify.Delivery, l *line, batch [][]byte)
}

func (r *receiver) Receive(ctx context.Context, handle func(context.Context, notify.Event) error) error {
	d := &notify.Delivery{Handle: handle, OnError: r.onError, Lossy: r.lossy || !r.b.keeps}
	password, dialling, deliver := r.password, r.dialling, r.deliver
	if password == nil {
		password = r.b.current
	}
	if dialling == nil {
		dialling = func(context.Context, *notify.Delivery) {}
	}
	if deliver == nil {
		deliver = func(ctx context.Context, d *notify.Delivery, l *line, batch [][]byte) {
			for _, message := range batch {
				l.settle(message, d.Message(ctx, message))
			}
		}
	}
	d.Run(ctx, func(ctx context.Context) error {
		dialling(ctx, d)
		l, err := r.b.dial(password())
		if err != nil {
			return fmt.Errorf("belt: %w", err)
		}
		defer l.close()
		d.Connected(ctx)
		for {
			batch, err := l.next(ctx)
			if err != nil {
				return fmt.Errorf("belt: %w", err)
			}
			deliver(ctx, d, l, batch)
		}
	})
	return nil
}

// harness returns a new belt for each check, whose receivers are what the function makes of a
// good one.
func harness(keeps bool, change func(b *belt, onError func(error)) notify.Receiver) func(testing.TB) notifytest.Harness {
	return func(testing.TB) notifytest.Harness {
		b := &belt{keeps: keeps, lines: map[*line]bool{}}
		h := notifytest.Harness{
			Receiver:          func(onError func(error)) notify.Receiver { return change(b, onError) },
			Send:              b.send,
			Keeps:             keeps,
			Break:             b.breakAll,
			RotateCredentials: b.rotate,
			AnyBytes:          true,
		}
		if keeps {
			h.Left = b.left
		}
		return h
	}
}

func good(b *belt, onError func(error)) notify.Receiver { return &receiver{b: b, onError: onError} }

func TestAGoodReceiverPasses(t *testing.T) {
	for _, keeps := range []bool{true, false} {
		t.Run(fmt.Sprint("keeps=", keeps), func(t *testing.T) {
			t.Parallel()
			notifytest.Run(t, harness(keeps, good))
		})
	}
}

// TestWhatIsNotCheckedIsSaid leaves all out that a Harness may lack.
func TestWhatIsNotCheckedIsSaid(t *testing.T) {
	bare := func(t testing.TB) notifytest.Harness {
		h := harness(false, good)(t)
		return notifytest.Harness{Receiver: h.Receiver, Send: h.Send, MaxMessage: notify.MaxSize - 1}
	}
	synctest.Test(t, func(t *testing.T) {
		failed, unchecked := notifytest.Failed(t, bare)
		if len(failed) > 0 {
			t.Errorf("failed: %q", failed)
		}
		for check, field := range map[string]string{
			"not-taken": "Keeps", "poison": "AnyBytes", "size": "MaxMessage", "reconnect": "Break",
			"late-start": "Break", "credentials": "RotateCredentials", "shutdown": "Keeps", "stop": "Break",
		} {
			if text := strings.Join(unchecked[check], "\n"); !strings.Contains(text, "not checked: ") || !strings.Contains(text, field) {
				t.Errorf("%s says %q; it should name %s", check, text, field)
			}
		}
	})
}

func ExampleRun() {
	_ = func(t *testing.T) { // TestConformance, say
		notifytest.Run(t, func(testing.TB) notifytest.Harness {
			b := &belt{keeps: true, lines: map[*line]bool{}}
			return notifytest.Harness{
				Receiver: func(onError func(error)) notify.Receiver { return &receiver{b: b, onError: onError} },
				Send:     b.send,
				Keeps:    true,
				Break:    b.breakAll,
				Left:     b.left,
			}
		})
	}
}
