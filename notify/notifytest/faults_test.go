package notifytest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/notify"
	"github.com/typedsecret/typedsecret/notify/notifytest"
)

type (
	handle   = func(context.Context, notify.Event) error
	wrapped  func(ctx context.Context, h handle) error
	receive  = func(ctx context.Context, h handle) error
	onError  = func(error)
	changing = func(b *belt, report onError) notify.Receiver
)

func (w wrapped) Receive(ctx context.Context, h handle) error { return w(ctx, h) }

// onReceive changes what a good receiver is called with, or returns.
func onReceive(change func(ctx context.Context, h handle, good receive) error) changing {
	return func(b *belt, report onError) notify.Receiver {
		return wrapped(func(ctx context.Context, h handle) error { return change(ctx, h, good(b, report).Receive) })
	}
}

// onEvent changes what becomes of an event.
func onEvent(change func(ctx context.Context, e notify.Event, h handle) error) changing {
	return onReceive(func(ctx context.Context, h handle, good receive) error {
		return good(ctx, func(ctx context.Context, e notify.Event) error { return change(ctx, e, h) })
	})
}

// onReport changes what is reported.
func onReport(change func(err error, report onError)) changing {
	return func(b *belt, report onError) notify.Receiver {
		return good(b, func(err error) { change(err, report) })
	}
}

// ending is a receiver that returns an error once one is reported that it should survive.
func ending(is func(error) bool) changing {
	return func(b *belt, report onError) notify.Receiver {
		return wrapped(func(ctx context.Context, h handle) error {
			ctx, cancel := context.WithCancelCause(ctx)
			_ = good(b, func(err error) {
				report(err)
				if is(err) {
					cancel(err)
				}
			}).Receive(ctx, h)
			if err := context.Cause(ctx); is(err) {
				return err
			}
			return nil
		})
	}
}

// onMessages changes how a batch of messages is delivered.
func onMessages(deliver func(ctx context.Context, d *notify.Delivery, l *line, batch [][]byte)) changing {
	return func(b *belt, report onError) notify.Receiver {
		return &receiver{b: b, onError: report, deliver: deliver}
	}
}

// onMessage changes a message before it is delivered.
func onMessage(change func([]byte) []byte) changing {
	return onMessages(func(ctx context.Context, d *notify.Delivery, l *line, batch [][]byte) {
		for _, message := range batch {
			l.settle(message, d.Message(ctx, change(message)))
		}
	})
}

func isBroken(err error) bool  { return errors.Is(err, errBroken) }
func isUnknown(err error) bool { return errors.Is(err, notify.ErrUnknown) }

// TestBrokenReceiversFail breaks the good receiver in one way at a time.
func TestBrokenReceiversFail(t *testing.T) {
	const keeps, loses = true, false
	for _, c := range []struct {
		name   string
		keeps  bool
		broken changing
		check  string // one that must fail
	}{
		{"drops parameters", keeps, onEvent(func(ctx context.Context, e notify.Event, h handle) error {
			if e.Kind == notify.ParameterChanged {
				return nil
			}
			return h(ctx, e)
		}), "shapes"},
		{"loses the version", loses, onEvent(func(ctx context.Context, e notify.Event, h handle) error {
			e.VersionID = ""
			return h(ctx, e)
		}), "shapes"},
		{"drops some of many", loses, func() changing {
			var n atomic.Int64
			return onEvent(func(ctx context.Context, e notify.Event, h handle) error {
				if n.Add(1)%50 == 0 {
					return nil
				}
				return h(ctx, e)
			})
		}(), "burst"},

		{"takes what is refused", keeps, onEvent(func(ctx context.Context, e notify.Event, h handle) error {
			_ = h(ctx, e)
			return nil
		}), "not-taken"},
		{"gives up what is refused", keeps, onMessages(func(ctx context.Context, d *notify.Delivery, l *line, batch [][]byte) {
			for _, message := range batch {
				d.Message(ctx, message)
				l.settle(message, true)
			}
		}), "not-taken"},
		{"others wait for what is refused", keeps, onMessages(func(ctx context.Context, d *notify.Delivery, l *line, batch [][]byte) {
			for _, message := range batch {
				for ctx.Err() == nil && !d.Message(ctx, message) {
					time.Sleep(time.Second)
				}
				l.settle(message, true)
			}
		}), "not-taken"},
		{"forgets what is refused", loses, func(b *belt, report onError) notify.Receiver {
			return wrapped(func(ctx context.Context, h handle) error {
				return good(b, report).Receive(ctx, func(ctx context.Context, e notify.Event) error {
					if err := h(ctx, e); err != nil {
						report(err)
					}
					return nil
				})
			})
		}, "not-taken"},
		{"reports nothing", keeps, onReport(func(error, onError) {}), "not-taken"},
		{"ends at a refusal", keeps, ending(func(err error) bool { return err != nil && !isBroken(err) && !isUnknown(err) }), "not-taken"},

		{"ends at poison", keeps, ending(isUnknown), "poison"},
		{"gives poison back", keeps, onMessages(func(ctx context.Context, d *notify.Delivery, l *line, batch [][]byte) {
			for _, message := range batch {
				_, err := notify.Parse(message)
				l.settle(message, d.Message(ctx, message) && err == nil)
				time.Sleep(time.Millisecond)
			}
		}), "poison"},
		{"reports no poison", loses, onReport(func(err error, report onError) {
			if !isUnknown(err) {
				report(err)
			}
		}), "poison"},
		{"reports poison as what it is not", loses, onReport(func(err error, report onError) { report(errors.New("failed")) }), "poison"},
		{"reports what is irrelevant", loses, onMessages(func(ctx context.Context, d *notify.Delivery, l *line, batch [][]byte) {
			for _, message := range batch {
				if _, err := notify.Parse(message); errors.Is(err, notify.ErrIrrelevant) {
					d.Report(err)
				}
				d.Message(ctx, message)
			}
		}), "poison"},
		{"quotes poison", loses, onMessages(func(ctx context.Context, d *notify.Delivery, l *line, batch [][]byte) {
			for _, message := range batch {
				if _, err := notify.Parse(message); err != nil {
					d.Report(fmt.Errorf("%w: %s", err, message))
					continue
				}
				d.Message(ctx, message)
			}
		}), "poison"},

		{"has no bound", loses, onMessage(bytes.TrimSpace), "size"},
		{"cuts what is too large", keeps, onMessage(func(m []byte) []byte { return m[:min(len(m), notify.MaxSize)] }), "size"},
		{"refuses what is large", keeps, onMessages(func(ctx context.Context, d *notify.Delivery, l *line, batch [][]byte) {
			for _, message := range batch {
				l.settle(message, len(message) >= notify.MaxSize || d.Message(ctx, message))
			}
		}), "size"},

		{"ends with its connection", keeps, ending(isBroken), "reconnect"},
		{"never comes back", keeps, func(b *belt, report onError) notify.Receiver {
			var again atomic.Bool
			return &receiver{b: b, onError: report, dialling: func(ctx context.Context, _ *notify.Delivery) {
				if again.Swap(true) {
					<-ctx.Done()
				}
			}}
		}, "reconnect"},
		{"sends no Missed", loses, onEvent(func(ctx context.Context, e notify.Event, h handle) error {
			if e.Kind == notify.Missed {
				return nil
			}
			return h(ctx, e)
		}), "reconnect"},
		{"sends Missed once", loses, onEvent(func(ctx context.Context, e notify.Event, h handle) error {
			err := h(ctx, e)
			if e.Kind == notify.Missed {
				return nil
			}
			return err
		}), "reconnect"},
		{"sends Missed at first", loses, onReceive(func(ctx context.Context, h handle, good receive) error {
			_ = h(ctx, notify.Event{Kind: notify.Missed})
			return good(ctx, h)
		}), "reconnect"},
		{"sends Missed too early", loses, func(b *belt, report onError) notify.Receiver {
			var again atomic.Bool
			r := &receiver{b: b, onError: report, dialling: func(ctx context.Context, d *notify.Delivery) {
				if again.Swap(true) {
					d.Missed(ctx)
				}
			}}
			return wrapped(func(ctx context.Context, h handle) error { return r.Receive(ctx, h) })
		}, "reconnect"},
		{"sends Missed though its carrier keeps", keeps, func(b *belt, report onError) notify.Receiver {
			return &receiver{b: b, onError: report, lossy: true}
		}, "reconnect"},
		{"reports no broken connection", loses, onReport(func(err error, report onError) {
			if !isBroken(err) {
				report(err)
			}
		}), "reconnect"},
		{"forgets that it came late", loses, onReceive(func(ctx context.Context, h handle, good receive) error {
			var connected atomic.Bool
			return good(ctx, func(ctx context.Context, e notify.Event) error {
				if e.Kind == notify.Missed && !connected.Load() {
					return nil
				}
				connected.Store(true)
				return h(ctx, e)
			})
		}), "late-start"},
		{"asks for its credentials once", loses, func(b *belt, report onError) notify.Receiver {
			password := b.current()
			return &receiver{b: b, onError: report, password: func() int { return password }}
		}, "credentials"},

		{"takes messages before it hands them over", keeps, onMessages(func(ctx context.Context, d *notify.Delivery, l *line, batch [][]byte) {
			for _, message := range batch {
				l.settle(message, true)
			}
			for _, message := range batch {
				d.Message(ctx, message)
			}
		}), "shutdown"},
		{"returns before handle does", loses, onReceive(func(ctx context.Context, h handle, good receive) error {
			go func() { _ = good(ctx, h) }()
			<-ctx.Done()
			return nil
		}), "shutdown"},
		{"returns the context's error", keeps, onReceive(func(ctx context.Context, h handle, good receive) error {
			_ = good(ctx, h)
			return ctx.Err()
		}), "stop"},
		{"returns late", keeps, onReceive(func(ctx context.Context, h handle, good receive) error {
			err := good(ctx, h)
			time.Sleep(time.Minute)
			return err
		}), "stop"},
		{"calls handle later", loses, onReceive(func(ctx context.Context, h handle, good receive) error {
			go func() {
				<-ctx.Done()
				time.Sleep(time.Millisecond)
				_ = h(ctx, notify.Event{Kind: notify.Rotated, Name: "late"})
			}()
			return good(ctx, h)
		}), "stop"},
		{"leaves a goroutine", loses, onReceive(func(ctx context.Context, h handle, good receive) error {
			go time.Sleep(time.Hour)
			return good(ctx, h)
		}), "goroutines"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				failed, _ := notifytest.Failed(t, harness(c.keeps, c.broken))
				time.Sleep(2 * time.Hour) // until what a receiver has left behind has ended
				if len(failed[c.check]) == 0 {
					t.Errorf("%s does not fail; what does: %q", c.check, failed)
				}
			})
		})
	}
}
