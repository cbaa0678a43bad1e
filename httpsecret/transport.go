// Package httpsecret logs HTTP requests in with a secret, and again with the new one
// after it was rotated: when a server answers 401, the secret is refreshed and the
// request sent again. [Bearer] and [Basic] wrap the http.RoundTripper of a client:
//
//	client := &http.Client{Transport: httpsecret.BearerToken("https://api.example.com", token, nil)}
//
// The credential goes to the one origin that the caller names, and nowhere else:
// http.Client follows redirects through the same RoundTripper, to whatever host the
// answer says. Requests to other origins pass as they are; for several, wrap one
// RoundTripper by another.
package httpsecret

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/typedsecret/typedsecret"
)

// BearerToken is [Bearer] for a secret that is the token.
func BearerToken(origin string, secret *typedsecret.Secret[string], base http.RoundTripper) http.RoundTripper {
	return Bearer(origin, secret, func(token string) string { return token }, base)
}

// Bearer returns a RoundTripper that sends requests by base, http.DefaultTransport if
// nil, and those to the origin, "https://api.example.com", with the token in their
// Authorization header, in place of one that is there. It is safe for concurrent use.
// What makes no sense is the error of each request.
//
// After a 401 the request is sent again as [typedsecret.Secret.Do] has it, for 10 s by
// default: a server that answers 401 did not do what it was asked. Of the handle's
// options, typedsecret.WithRejected has no say. If there is no more to be tried, the
// caller gets the last 401 itself, not an error. For an API that answers 401 for other
// reasons too, or knows a new token only when Secrets Manager has it, make the secret
// by typedsecret.WithRetryBudget(0): else each such answer takes the whole budget.
//
// A body without GetBody can't be sent again. Then the 401 is returned at once, and
// the next request asks for the secret anew.
func Bearer[T any](origin string, secret *typedsecret.Secret[T], token func(T) string, base http.RoundTripper) http.RoundTripper {
	var authorize func(*http.Request, T)
	if token != nil {
		authorize = func(r *http.Request, value T) { r.Header.Set("Authorization", "Bearer "+token(value)) }
	}
	return newTransport(origin, secret, authorize, base)
}

// Basic is [Bearer] for a user and a password.
func Basic[T any](origin string, secret *typedsecret.Secret[T], credentials func(T) (user, password string), base http.RoundTripper) http.RoundTripper {
	var authorize func(*http.Request, T)
	if credentials != nil {
		authorize = func(r *http.Request, value T) { r.SetBasicAuth(credentials(value)) }
	}
	return newTransport(origin, secret, authorize, base)
}

type transport[T any] struct {
	origin    origin
	secret    *typedsecret.Secret[T]
	authorize func(*http.Request, T)
	base      http.RoundTripper
	err       error // of what it was made of
}

func newTransport[T any](allowed string, secret *typedsecret.Secret[T], authorize func(*http.Request, T), base http.RoundTripper) *transport[T] {
	t := &transport[T]{secret: secret, authorize: authorize, base: base}
	t.origin, t.err = parseOrigin(allowed)
	if t.err == nil && authorize == nil {
		t.err = errors.New("httpsecret: the function that makes the credential of the secret is nil")
	}
	if base == nil {
		t.base = http.DefaultTransport
	}
	return t
}

// CloseIdleConnections is what http.Client's method of that name calls.
func (t *transport[T]) CloseIdleConnections() {
	if base, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		base.CloseIdleConnections()
	}
}

func (t *transport[T]) RoundTrip(r *http.Request) (*http.Response, error) {
	switch {
	case t.err != nil:
		closeBody(r)
		return nil, t.err
	case !t.origin.has(r.URL):
		return t.base.RoundTrip(r)
	}
	e := exchange{request: r}
	err := t.secret.Do(r.Context(), func(_ context.Context, value T) error {
		return e.send(t.base, func(r *http.Request) { t.authorize(r, value) })
	})
	if !e.sent {
		closeBody(r)
	}
	switch {
	case err == nil:
	case e.response == nil:
		return nil, err
	case r.Context().Err() != nil:
		e.response.Body.Close()
		return nil, context.Cause(r.Context())
	}
	if e.stuck {
		// Nobody waits for it here; that it failed shows when the secret is next read.
		_ = t.secret.Invalidate(r.Context())
	}
	return e.response, e.err
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		r.Body.Close()
	}
}

// errRefused tells Do of a 401. Nobody else sees it.
var errRefused = typedsecret.Rejected(errors.New(http.StatusText(http.StatusUnauthorized)))

// An exchange is one request, sent once or more.
type exchange struct {
	request  *http.Request
	sent     bool // so base has closed the request's body, or will
	stuck    bool // the last answer is a 401, and the body can't be sent again
	response *http.Response
	err      error // of base
}

// send sends the request, and returns errRefused if that is worth another try. All
// else is no business of Do's, and is left in e. The answer of a 401 stays open until
// the next try is certain, since it may be the one that the caller gets.
func (e *exchange) send(base http.RoundTripper, authorize func(*http.Request)) error {
	r := e.request.Clone(e.request.Context())
	if e.sent && r.Body != nil && r.Body != http.NoBody {
		body, err := r.GetBody()
		if err != nil {
			e.stuck = true
			return nil
		}
		r.Body = body
	}
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	authorize(r)
	if e.response != nil {
		discard(e.response.Body)
	}
	e.sent = true
	e.response, e.err = base.RoundTrip(r)
	if e.err != nil {
		return nil
	}
	if e.response.Request == r {
		e.response.Request = e.request // which shows no credential to who logs it
	}
	if e.response.StatusCode != http.StatusUnauthorized {
		return nil
	}
	if r.Body != nil && r.Body != http.NoBody && r.GetBody == nil {
		e.stuck = true
		return nil
	}
	return errRefused
}

// maxDiscard is how much of an answer is read so that its connection can be used
// again; a new connection is cheaper than what is longer.
const maxDiscard = 4 << 10

func discard(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, maxDiscard)
	body.Close()
}
