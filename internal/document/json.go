package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/typedsecret/typedsecret/codec"
)

// A Member is one secret of a JSON object.
type Member struct {
	ID    string
	Value json.RawMessage
	At    Position // the ID's position
}

// Text returns the secret: the content of a JSON string, or any other value as it is in the
// file.
func (m Member) Text() string {
	var text string
	if m.Value[0] == '"' && json.Unmarshal(m.Value, &text) == nil {
		return text
	}
	return string(m.Value)
}

// JSON returns the members of a JSON object in their order.
func JSON(data []byte) ([]Member, error) {
	data = withoutMark(data)
	wrong := func(at int, what string) ([]Member, error) {
		return nil, fmt.Errorf("%s: %s", positionOf(data, at), what)
	}
	if at := skip(data, 0, " \t\r\n"); at == len(data) || data[at] != '{' {
		return wrong(at, "a { is expected: the file is to hold a JSON object of secrets by their IDs")
	}
	if at, what := syntaxError(data); what != "" {
		return wrong(at, what)
	}
	var members []Member
	at := map[string]Position{}
	dec := json.NewDecoder(bytes.NewReader(data))
	_, err := dec.Token()
	for err == nil && dec.More() {
		start := skip(data, int(dec.InputOffset()), ", \t\r\n")
		m := Member{At: positionOf(data, start)}
		if err = decodeMember(dec, &m); err != nil {
			break
		}
		if first, twice := at[m.ID]; twice {
			return wrong(start, fmt.Sprintf("another ID is expected: this one is at %s already", first))
		}
		at[m.ID] = m.At
		members = append(members, m)
	}
	if err != nil { // can't happen, since syntaxError found nothing
		return wrong(int(dec.InputOffset()), "this is not JSON")
	}
	return members, nil
}

// syntaxError returns where a file stops being JSON, and what is expected there. If the
// whole file is JSON, the text is empty.
func syntaxError(data []byte) (at int, what string) {
	var all json.RawMessage
	e, ok := errors.AsType[*codec.Error](codec.JSON{}.Decode(data, &all))
	if !ok || e.Kind != codec.ErrSyntax {
		return 0, ""
	}
	switch e.Reason {
	case "this is not JSON":
		what = "; a value is expected: text in double quotes, a number, true, false, null, an object or an array"
	case "the JSON ends too early":
		what = "; a value is missing, or a double quote, ] or } that closes one"
	}
	return int(e.Offset), e.Reason + what
}

func decodeMember(dec *json.Decoder, m *Member) error {
	key, err := dec.Token()
	if err == nil {
		m.ID, _ = key.(string)
		err = dec.Decode(&m.Value)
	}
	return err
}

// skip returns the offset of the first byte from at on that is not one of these.
func skip(data []byte, at int, these string) int {
	for at < len(data) && bytes.IndexByte([]byte(these), data[at]) >= 0 {
		at++
	}
	return at
}
