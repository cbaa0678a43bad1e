package guard_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/internal/guard"
)

func TestCallReturnsWhatTheFunctionReturns(t *testing.T) {
	want := errors.New("its own")
	if err := guard.Call("source", func() error { return want }); err != want {
		t.Errorf("got %v", err)
	}
	if err := guard.Call("source", func() error { return nil }); err != nil {
		t.Errorf("got %v", err)
	}
}

type typed struct{ secret string }

func (v typed) String() string { return v.secret }

func TestAPanicBecomesAnErrorThatSaysWhereAndNotWhat(t *testing.T) {
	const secret = "hunter2"
	for name, test := range map[string]struct {
		f    func() error
		says string // what the error says about the value's type
	}{
		"string":      {func() error { panic(secret) }, "a string at "},
		"error":       {func() error { panic(errors.New(secret)) }, "a *errors.errorString at "},
		"formatted":   {func() error { panic(fmt.Sprintf("bad input %q", secret)) }, "a string at "},
		"Stringer":    {func() error { panic(typed{secret}) }, "a guard_test.typed at "},
		"nil":         {func() error { panic(nil) }, "a *runtime.PanicNilError at "},
		"dereference": {func() error { var p *typed; return errors.New(p.secret) }, "at "},
		"index":       {func() error { return []error{}[len(secret)] }, "at "},
		"map key":     {func() error { _ = map[any]int{}[[]string{secret}]; return nil }, "at "},
	} {
		t.Run(name, func(t *testing.T) {
			err := guard.Call("hook's Put", test.f)
			if !errors.Is(err, guard.ErrPanic) {
				t.Fatalf("got %v", err)
			}
			text := fmt.Sprintf("%v %+v %#v", err, err, err)
			if strings.Contains(text, secret) {
				t.Errorf("it shows the value: %s", text)
			}
			for _, want := range []string{"in the hook's Put", test.says, "TestAPanicBecomesAnError", "guard_test.go:"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
		})
	}
}

func TestTheOriginIsTheInnermostPanic(t *testing.T) {
	err := guard.Call("source", func() error {
		defer func() { recover(); innermost() }()
		panic("first")
	})
	if err == nil || !strings.Contains(err.Error(), "innermost") {
		t.Errorf("got %v", err)
	}
}

func innermost() { panic("second") }

func TestAnErrorThatCanNotBeWalkedIsAPanic(t *testing.T) {
	for name, err := range map[string]error{
		"nil pointer":          (*fs.PathError)(nil),
		"wrapped nil pointer":  fmt.Errorf("x: %w", (*fs.PathError)(nil)),
		"joined with another":  errors.Join(io.EOF, (*fs.PathError)(nil)),
		"Is that dereferences": (*badIs)(nil),
		"text that panics":     (*badText)(nil),
		"wraps itself":         endless{},
		"joins itself":         &bush{},
		"wrapped endless":      fmt.Errorf("x: %w", errors.Join(io.EOF, endless{})),
	} {
		t.Run(name, func(t *testing.T) {
			got := guard.Call("source", func() error { return err })
			if !errors.Is(got, guard.ErrPanic) || !strings.Contains(got.Error(), "in the source") {
				t.Errorf("got %v", got)
			}
			if guard.Walkable(err) && name != "text that panics" {
				t.Error("it is said to be walkable")
			}
		})
	}
	if err := guard.Call("source", func() error { return (*fs.PathError)(nil) }); !strings.Contains(err.Error(), "a *fs.PathError whose methods panic") {
		t.Errorf("the type is not told: %v", err)
	}
	if !guard.Walkable(nil) || !guard.Walkable(fmt.Errorf("x: %w", io.EOF)) {
		t.Error("what is walkable is said not to be")
	}
}

type badText struct{ text string }

func (e *badText) Error() string { return e.text }

// An endless error wraps itself: errors.Is would spin.
type endless struct{}

func (endless) Error() string   { return "endless" }
func (e endless) Unwrap() error { return e }

// A bush wraps itself twice: each level has twice as many errors as the one above.
type bush struct{}

func (*bush) Error() string     { return "bush" }
func (b *bush) Unwrap() []error { return []error{b, b} }

type badIs struct{ target error }

func (*badIs) Error() string          { return "bad" }
func (e *badIs) Is(target error) bool { return e.target == target }
