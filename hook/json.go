package hook

import "encoding/json"

// Events marshal whole, with their errors as texts. By itself, encoding/json makes {} of an
// error.

// MarshalJSON returns e as JSON, with the text of Err.
func (e FetchFailed) MarshalJSON() ([]byte, error) {
	type fields FetchFailed
	return json.Marshal(struct {
		fields
		Err *string
	}{fields(e), textOf(e.Err)})
}

// MarshalJSON returns e as JSON, with the text of Err.
func (e ServedStale) MarshalJSON() ([]byte, error) {
	type fields ServedStale
	return json.Marshal(struct {
		fields
		Err *string
	}{fields(e), textOf(e.Err)})
}

// MarshalJSON returns e as JSON, with the text of Err.
func (e DecodeFailed) MarshalJSON() ([]byte, error) {
	type fields DecodeFailed
	return json.Marshal(struct {
		fields
		Err *string
	}{fields(e), textOf(e.Err)})
}

// MarshalJSON returns e as JSON, with the text of Err.
func (e SealedFileFailed) MarshalJSON() ([]byte, error) {
	type fields SealedFileFailed
	return json.Marshal(struct {
		fields
		Err *string
	}{fields(e), textOf(e.Err)})
}

// textOf returns what err says, or nil, which is null in JSON.
func textOf(err error) *string {
	if err == nil {
		return nil
	}
	s := err.Error()
	return &s
}
