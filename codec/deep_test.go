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

// TestAnErrorAroundMissingKeysIsFound: these have no problem of their own to which it belongs.
func TestAnErrorAroundMissingKeysIsFound(t *testing.T) {
	for name, doc := range map[string]string{
		"alone":                  `{"port":1,"next":{}}`,
		"behind another problem": `{"port":"x","next":{}}`,
		"before another problem": `{"next":{},"port":"x"}`,
		"deeper":                 `{"port":1,"next":{"port":1,"next":{}}}`,
	} {
		err := failure[plainLink](codec.JSON{}, doc)
		if !errors.Is(err, errLink) || !errors.Is(err, codec.ErrMissingKey) || errors.Is(err, codec.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// plainLink does not decode itself.
type plainLink struct {
	Port int   `json:"port"`
	Next *link `json:"next"`
}
