package awssm

import (
	"net/http"
	"reflect"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/typedsecret/typedsecret/internal/redact"
)

// sentSecrets returns what a request bore that must not be in an error. A service that refuses a
// signature quotes the headers that were to be signed, the session token among them. A proxy
// may quote any.
func sentSecrets(r *http.Request) []string {
	if r == nil {
		return nil
	}
	var all []string
	for _, name := range []string{"Authorization", "X-Amz-Security-Token"} {
		all = append(all, r.Header.Values(name)...)
	}
	if _, signature, has := strings.Cut(r.Header.Get("Authorization"), "Signature="); has {
		all = append(all, signature)
	}
	return redact.Secrets(all)
}

// withoutSent returns err, a cleaned answer to a request, without these secrets in its message
// and code.
func withoutSent(err error, secrets []string) error {
	clean := func(text string) string {
		for _, s := range secrets {
			text = strings.ReplaceAll(text, s, redact.Text)
		}
		return text
	}
	if e, ok := err.(*answered); ok {
		e.Code, e.Message = clean(e.Code), clean(e.Message)
		return e
	}
	api, ok := err.(smithy.APIError)
	if !ok || clean(api.ErrorMessage()) == api.ErrorMessage() {
		return err
	}
	// Of a service package: a pointer to a struct.
	old := reflect.ValueOf(api)
	if old.Kind() == reflect.Pointer && old.Elem().Kind() == reflect.Struct {
		if message := old.Elem().FieldByName("Message"); message.Kind() == reflect.Pointer && !message.IsNil() && message.Elem().Kind() == reflect.String {
			same := reflect.New(old.Elem().Type())
			same.Elem().Set(old.Elem())
			text := clean(message.Elem().String())
			same.Elem().FieldByName("Message").Set(reflect.ValueOf(&text))
			return same.Interface().(error)
		}
	}
	return &answered{GenericAPIError: &smithy.GenericAPIError{Code: api.ErrorCode(), Message: clean(api.ErrorMessage()), Fault: api.ErrorFault()}, status: status(api)}
}
