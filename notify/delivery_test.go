package notify_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/internal/awsevent"
	"github.com/typedsecret/typedsecret/notify"
)

// A log has what a Delivery has called.
type log struct {
	events []notify.Kind
	errors []string
	answer error // of handle
}

func (l *log) delivery(lossy bool) *notify.Delivery {
	return &notify.Delivery{
		Handle:  func(_ context.Context, e notify.Event) error { l.events = append(l.events, e.Kind); return l.answer },
		OnError: func(err error) { l.errors = append(l.errors, err.Error()) },
		Lossy:   lossy,
	}
}

func TestWhatBecomesOfAMessage(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	read := awsevent.Call("GetSecretValue", `{"secretId":"a"}`, "null")
	for name, row := range map[string]struct {
		ctx     context.Context
		message string
		answer  error
		done    bool
		events  int
		report  string
	}{
		"taken":           {t.Context(), native, nil, true, 1, ""},
		"refused":         {t.Context(), native, errors.New("full"), false, 1, "notify: an event (label moved mySecret) is not taken: full"},
		"unknown":         {t.Context(), "{}", nil, true, 0, "notify: a message is given up: no event that is known: it has no key that an event has, and 0 more"},
		"irrelevant":      {t.Context(), read, nil, true, 0, ""},
		"after the end":   {ended, native, nil, false, 0, ""},
		"unknown, at end": {ended, "{}", nil, false, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := &log{answer: row.answer}
			done := l.delivery(false).Message(row.ctx, []byte(row.message))
			if report := strings.Join(l.errors, "\n"); done != row.done || len(l.events) != row.events || !strings.HasPrefix(report, row.report) || (report == "") != (row.report == "") {
				t.Errorf("done: %v; events: %v; reports: %s", done, l.events, report)
			}
		})
	}
}

// A carrier that keeps nothing can't deliver an event again.
func TestMissedTakesThePlaceOfARefusedEvent(t *testing.T) {
	l := &log{}
	d := l.delivery(true)
	note := d.Handle
	d.Handle = func(ctx context.Context, e notify.Event) error {
		_ = note(ctx, e)
		if e.Kind == notify.Missed {
			return nil
		}
		return errors.New("full")
	}
	done := d.Message(t.Context(), []byte(native))
	if diff := cmp.Diff([]notify.Kind{notify.LabelMoved, notify.Missed}, l.events); diff != "" || !done {
		t.Errorf("done: %v; events (-want +got):\n%s", done, diff)
	}
}

// An error at the end of the program is none: the event is delivered to the next Receiver.
func TestARefusalAtTheEndIsNotReported(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l := &log{}
	d := l.delivery(false)
	d.Handle = func(ctx context.Context, _ notify.Event) error { cancel(); return ctx.Err() }
	if d.Message(ctx, []byte(native)) || len(l.errors) > 0 {
		t.Errorf("taken, or reported: %q", l.errors)
	}
}

func TestPanicsOfTheUsersFunctionsAreErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		l := &log{}
		d := l.delivery(false)
		d.Handle = func(context.Context, notify.Event) error { panic("hunter2") }
		if d.Message(ctx, []byte(native)) {
			t.Error("taken")
		}
		d.OnError = func(err error) { l.errors = append(l.errors, err.Error()); panic("hunter2") }
		d.Run(ctx, func(context.Context) error { panic("hunter2") })
		text := strings.Join(l.errors, "\n")
		for _, want := range []string{"is not taken: panic in the function that takes the events: a string at", "panic in the function that connects: a string at"} {
			if !strings.Contains(text, want) {
				t.Errorf("no report has %q:\n%s", want, text)
			}
		}
		if strings.Contains(text, "hunter2") {
			t.Errorf("a report quotes the panic:\n%s", text)
		}
		(&notify.Delivery{}).Report(errors.New("to nobody"))
	})
}

func TestMissedFollowsEachConnectionButAFirstAttempt(t *testing.T) {
	for name, row := range map[string]struct {
		lossy    bool
		attempts string // one each: f fails, c connects and breaks, C connects and says so twice
		want     []notify.Kind
	}{
		"at first":             {true, "c", nil},
		"again":                {true, "cc", []notify.Kind{notify.Missed}},
		"each time":            {true, "ccc", []notify.Kind{notify.Missed, notify.Missed}},
		"once a connection":    {true, "cC", []notify.Kind{notify.Missed}},
		"after failures":       {true, "cffc", []notify.Kind{notify.Missed}},
		"late":                 {true, "fc", []notify.Kind{notify.Missed}},
		"of one that keeps":    {false, "fcfc", nil},
		"without a connection": {true, "fff", nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				l, i := &log{}, 0
				d := l.delivery(row.lossy)
				d.Run(ctx, func(ctx context.Context) error {
					attempt := row.attempts[i]
					if i++; i == len(row.attempts) {
						defer cancel()
					}
					switch attempt {
					case 'C':
						d.Connected(ctx)
						d.Connected(ctx)
					case 'c':
						d.Connected(ctx)
					}
					return errors.New("broken")
				})
				if diff := cmp.Diff(row.want, l.events); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
				if want := len(row.attempts) - 1; len(l.errors) != want { // the last one is the end
					t.Errorf("%d reports, want %d: %q", len(l.errors), want, l.errors)
				}
			})
		})
	}
}

func TestMissedIsHandedOverUntilItIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, tries := &log{}, 0
		d := l.delivery(true)
		d.Handle = func(context.Context, notify.Event) error {
			if tries++; tries < 4 {
				return errors.New("busy")
			}
			return nil
		}
		d.Missed(t.Context())
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		d.Missed(ended)
		want := strings.Repeat("notify: an event (events may be missed) is not taken: busy\n", 3)
		if tries != 4 || strings.Join(l.errors, "\n")+"\n" != want {
			t.Errorf("%d tries, reports: %q", tries, l.errors)
		}
	})
}

// A server that takes connections and breaks them is not met by a storm of attempts.
func TestAttemptsAreFew(t *testing.T) {
	for name, lasting := range map[string]time.Duration{"refused": -1, "soon broken": time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				d, attempts := (&log{}).delivery(true), 0
				d.Run(ctx, func(ctx context.Context) error {
					attempts++
					if lasting > 0 {
						d.Connected(ctx)
						time.Sleep(lasting)
					}
					return errors.New("broken")
				})
				// One in 15 s is the mean of a bound of 30 s.
				if attempts < 120 || attempts > 400 {
					t.Errorf("%d attempts in an hour", attempts)
				}
			})
		})
	}
}

// A connection that has lasted makes the next one come soon.
func TestTheBackOffStartsAnewAfterAGoodConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		d, attempts := (&log{}).delivery(true), 0
		var broken time.Time
		d.Run(ctx, func(ctx context.Context) error {
			attempts++
			switch {
			case attempts < 20:
			case attempts == 20:
				d.Connected(ctx)
				time.Sleep(time.Minute)
				broken = time.Now()
			default:
				if since := time.Since(broken); since > time.Second {
					t.Errorf("connected %v after a connection that had lasted", since)
				}
				cancel()
			}
			return nil // as good as an error
		})
	})
}

// A dialler is a Receiver of a carrier of one's own.
type dialler struct {
	dial    func(ctx context.Context) (messages <-chan []byte, err error)
	onError func(error)
}

func (r *dialler) Receive(ctx context.Context, handle func(context.Context, notify.Event) error) error {
	d := &notify.Delivery{Handle: handle, OnError: r.onError, Lossy: true}
	d.Run(ctx, func(ctx context.Context) error {
		messages, err := r.dial(ctx)
		if err != nil {
			return err
		}
		d.Connected(ctx)
		for {
			select {
			case message, ok := <-messages:
				if !ok {
					return errors.New("the connection is broken")
				}
				d.Message(ctx, message)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	return nil
}

// The author of a Receiver writes how to connect; a Delivery does the rest.
func ExampleDelivery() {
	attempts := 0
	var receiver notify.Receiver = &dialler{
		dial: func(context.Context) (<-chan []byte, error) {
			if attempts++; attempts == 2 {
				return nil, errors.New("the carrier is away")
			}
			messages := make(chan []byte, 1)
			messages <- []byte(awsevent.Native("prod/db", awsevent.Version))
			close(messages)
			return messages, nil
		},
		onError: func(err error) { fmt.Println("error:", err) },
	}
	ctx, cancel := context.WithCancel(context.Background())
	err := receiver.Receive(ctx, func(_ context.Context, e notify.Event) error {
		fmt.Println("event:", e.Kind)
		if attempts == 3 && e.Kind != notify.Missed {
			cancel()
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// event: label moved
	// error: the connection is broken
	// error: the carrier is away
	// event: events may be missed
	// event: label moved
	// <nil>
}
