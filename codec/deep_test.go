package codec_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/codec"
)

// link decodes itself by a codec of this package, and holds another one.
type link struct {
	Port int   `json:"port"`
	Own  upper `json:"own,omitempty"`
	Next *link `json:"next"`
}

var errLink = errors.New("a link")

func (l *link) UnmarshalJSON(b []byte) error {
	type plain link
	if err := (codec.JSON{}).Decode(b, (*plain)(l)); err != nil {
		return fmt.Errorf("%w: %w", errLink, err)
	}
	return nil
}

// TestProblemsThatAreDeepTakeNoLonger: each level wraps those of the ones below, and keeps their kinds.
func TestProblemsThatAreDeepTakeNoLonger(t *testing.T) {
	const depth = 60
	for name, level := range map[string]string{
		"behind another problem": `{"port":"x","next":`,
		"before another problem": `{"own":"x","next":`,
		"alone":                  `{"port":1,"next":`,
	} {
		t.Run(name, func(t *testing.T) {
			err := failure[link](codec.JSON{}, strings.Repeat(level, depth)+`{"own":"x","port":1}`+strings.Repeat("}", depth))
			for kind, want := range map[error]bool{errLink: true, errUpper: true, codec.ErrValue: true, codec.ErrInvalid: false} {
				if errors.Is(err, kind) != want {
					t.Errorf("errors.Is of %v: %v", kind, !want)
				}
			}
		})
	}
}

// TestAnErrorThatATypeKeepsIsFound, also if it is one of several.
func TestAnErrorThatATypeKeepsIsFound(t *testing.T) {
	first, second := codec.Invalid("too short"), codec.Invalid("no digit")
	err := codec.Validate(judged{fmt.Errorf("%s: %w", secretText, errors.Join(first, second))})
	if !errors.Is(err, first) || !errors.Is(err, second) || errors.Is(err, codec.Invalid("no digit")) {
		t.Errorf("got %v", err)
	}
}
