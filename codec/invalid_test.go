package codec_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/codec"
)

// judged has a Validate method that returns this error.
type judged struct{ err error }

func (j judged) Validate() error { return j.err }

func TestAReasonOfInvalidIsShown(t *testing.T) {
	short := codec.Invalid("the key has fewer than 20 characters")
	for name, row := range map[string]struct {
		err  error
		want string
	}{
		"alone":          {short, ": invalid value: the key has fewer than 20 characters"},
		"wrapped":        {fmt.Errorf("%s: %w", secretText, short), ": invalid value: the key has fewer than 20 characters"},
		"two joined":     {errors.Join(short, codec.Invalid("the user is root")), ": invalid value: the key has fewer than 20 characters; also invalid value: the user is root"},
		"with a path":    {errors.Join(short, &codec.Error{Path: "user", Reason: "is root"}), "characters; also user: is root"},
		"with its own":   {errors.Join(errUser, short), ": invalid value: the key has fewer than 20 characters"},
		"without a text": {errors.New(secretText), "codec.Invalid makes an error whose text is shown"},
		"empty":          {codec.Invalid(""), ": invalid value"},
	} {
		err := codec.Validate(judged{row.err})
		if !errors.Is(err, codec.ErrInvalid) || !strings.HasSuffix(err.Error(), row.want) {
			t.Errorf("%s: %v", name, err)
		}
		if errors.Is(err, errUser) != (name == "with its own") {
			t.Errorf("%s: a sentinel is lost, or another found", name)
		}
		if form := leaks(err, secretText); form != "" {
			t.Errorf("%s: the secret is in: %s", name, form)
		}
	}
}

// token decodes itself, and gives a reason if it refuses a text.
type token struct{ text string }

func (k *token) UnmarshalText(text []byte) error {
	if len(text) < 20 {
		return fmt.Errorf("%q: %w", text, codec.Invalid("a token has at least 20 characters"))
	}
	k.text = string(text)
	return nil
}

// TestAllReasonsOfJoinedErrorsAreShown, whichever code refuses the value.
func TestAllReasonsOfJoinedErrorsAreShown(t *testing.T) {
	joined := errors.Join(errors.New(secretText), errUser, codec.Invalid("too short"), fmt.Errorf("%w: %s", codec.Invalid("no digit"), secretText), codec.Invalid("too short"))
	function := codec.Func(func([]byte) (int, error) { return 0, joined })
	for name, row := range map[string]struct {
		err   error
		place string
	}{
		"Validate":    {codec.Validate(judged{joined}), ""},
		"own decoder": {failure[one[refusesFor]](codec.JSON{}, `{"V":"x"}`), "V: "},
		"function":    {failure[int](function, "x"), ""},
		"own codec":   {failure[int](foreignCodec{joined}, "x"), ""},
	} {
		_, text, _ := strings.Cut(row.err.Error(), ": ")
		_, text, _ = strings.Cut(text, ": ")
		text = strings.ReplaceAll(text, " (offset 5)", "")
		if want := row.place + "invalid value: too short; also " + row.place + "invalid value: no digit"; text != want {
			t.Errorf("%s: %s, want %s", name, text, want)
		}
		if !errors.Is(row.err, codec.ErrInvalid) || errors.Is(row.err, errUser) != (name != "own decoder") {
			t.Errorf("%s: a kind is lost, or another found", name)
		}
		if form := leaks(row.err, secretText); form != "" {
			t.Errorf("%s: the secret is in: %s", name, form)
		}
	}
}

// refusesFor gives two reasons.
type refusesFor struct{ V string }

func (*refusesFor) UnmarshalText([]byte) error {
	return errors.Join(codec.Invalid("too short"), codec.Invalid("no digit"))
}

func TestATypesOwnDecoderMayGiveAReason(t *testing.T) {
	function := codec.Func(func([]byte) (int, error) { return 0, codec.Invalid("a token has at least 20 characters") })
	for name, err := range map[string]error{
		"alone":    failure[token](codec.For[token](), secretText),
		"a field":  failure[one[token]](codec.JSON{}, `{"V":"`+secretText+`"}`),
		"function": failure[int](function, secretText),
	} {
		if !errors.Is(err, codec.ErrInvalid) || !strings.Contains(err.Error(), "a token has at least 20 characters") {
			t.Errorf("%s: %v", name, err)
		}
		if form := leaks(err, secretText); form != "" {
			t.Errorf("%s: the secret is in: %s", name, form)
		}
	}
}
