// Package httpsecret authenticates HTTP requests with a secret. When a server answers 401,
// because the secret was rotated, the secret is refreshed and the request is sent again.
// [Bearer] and [Basic] wrap the http.RoundTripper of a client:
//
//	client := &http.Client{Transport: httpsecret.BearerToken("https://api.example.com", token, nil)}
//
// The credential goes to the one origin that the caller names, and nowhere else:
// http.Client follows redirects through the same RoundTripper, to whatever host the answer
// says. Requests to other origins are sent as they are. For several origins, wrap one
// RoundTripper in another.
package httpsecret

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/typedsecret/typedsecret"
)

// BearerToken is [Bearer] for a secret that is the token.
func BearerToken(origin string, secret *typedsecret.Secret[string], base http.RoundTripper, opts ...Option) http.RoundTripper {
	return Bearer(origin, secret, func(token string) string { return token }, base, opts...)
}

// Bearer returns a RoundTripper that sends requests by base; a nil base is
// http.DefaultTransport. Requests to the origin, such as "https://api.example.com", get the
// token in their Authorization header, which replaces one that the caller set. The
// RoundTripper is safe for concurrent use. If an argument makes no sense, each request
// fails with an error that says so.
//
// After a 401 the request is sent again, by the rules of [typedsecret.Secret.Do], for 10 s
// by default: at once with another version of the secret, and with the same one after
// pauses that grow from 1 s. That is safe, since a server that answers 401 did not carry
// out the request. The handle's typedsecret.WithRejected is not used. When the tries or the
// request's deadline are over, the caller gets the last 401 itself, not an error.
//
// Each request is sent at least once, even if other requests are answered with 401, since an
// API may answer 401 to a single request. The repeats of all requests take turns. So when a
// key is revoked for good, one request is sent 5 times within 10 s, and 50 requests at the
// same time are sent 54 times in all. After that each request is sent once, and its 401 is
// returned at once. The repeats begin again when a request was accepted, when the secret has
// another version, or after a minute without a 401. With typedsecret.WithMaxRejections it
// can happen that a request is not sent at all; then its error says so.
//
// Some APIs often answer 401 for other reasons, or accept a new token only when Secrets
// Manager has it. For these, make the handle with typedsecret.WithRetryBudget(0): otherwise
// each request with a 401 takes up to 10 s.
//
// A request whose body has no GetBody can't be sent again. Its 401 is returned at once, and
// the next request fetches the secret anew.
func Bearer[T any](origin string, secret *typedsecret.Secret[T], token func(T) string, base http.RoundTripper, opts ...Option) http.RoundTripper {
	var authorize func(*http.Request, T)
	if token != nil {
		authorize = func(r *http.Request, value T) { r.Header.Set("Authorization", "Bearer "+token(value)) }
	}
	return newTransport(origin, secret, authorize, base, opts)
}

// Basic is [Bearer] for a user and a password.
func Basic[T any](origin string, secret *typedsecret.Secret[T], credentials func(T) (user, password string), base http.RoundTripper, opts ...Option) http.RoundTripper {
	var authorize func(*http.Request, T)
	if credentials != nil {
		authorize = func(r *http.Request, value T) { r.SetBasicAuth(credentials(value)) }
	}
	return newTransport(origin, secret, authorize, base, opts)
}

// Header is [Bearer] for any header: set puts the credential into the header of a request, such
// as X-Api-Key.
func Header[T any](origin string, secret *typedsecret.Secret[T], set func(header http.Header, value T), base http.RoundTripper, opts ...Option) http.RoundTripper {
	var authorize func(*http.Request, T)
	if set != nil {
		authorize = func(r *http.Request, value T) { set(r.Header, value) }
	}
	return newTransport(origin, secret, authorize, base, opts)
}

// An Option changes what Bearer, BearerToken, Basic and Header make.
type Option func(refuses *func(*http.Response) bool)

// WithRefused says which answers refuse the credential, in place of 401: a 403 too, say, for an
// API that answers so to a key that was rotated. Refuses must not read the body. After such an
// answer the request is sent again, as after a 401. So Refuses must be false for an answer to a
// request that was carried out.
func WithRefused(refuses func(*http.Response) bool) Option {
	return func(set *func(*http.Response) bool) {
		if refuses != nil {
			*set = refuses
		}
	}
}

func isUnauthorized(r *http.Response) bool { return r.StatusCode == http.StatusUnauthorized }

type transport[T any] struct {
	origin    origin
	secret    *typedsecret.Secret[T]
	authorize func(*http.Request, T)
	base      http.RoundTripper
	refuses   func(*http.Response) bool
	err       error // what was wrong with the arguments
}

func newTransport[T any](allowed string, secret *typedsecret.Secret[T], authorize func(*http.Request, T), base http.RoundTripper, opts []Option) *transport[T] {
	t := &transport[T]{secret: secret, authorize: authorize, base: base, refuses: isUnauthorized}
	for _, opt := range opts {
		if opt != nil {
			opt(&t.refuses)
		}
	}
	t.origin, t.err = parseOrigin(allowed)
	if t.err == nil && authorize == nil {
		t.err = errors.New("httpsecret: the function that makes the credential of the secret is nil")
	}
	if base == nil {
		t.base = http.DefaultTransport
	}
	return t
}

// CloseIdleConnections is called by http.Client's method of that name.
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
	e := exchange{request: r, refuses: t.refuses}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	err := t.secret.Do(ctx, func(_ context.Context, value T) error {
		err := errNoRefusal
		if !e.sent || e.rewind() {
			err = e.send(t.base, func(r *http.Request) { t.authorize(r, value) })
		}
		if e.stuck {
			// The next request fetches the secret, and returns the error if that fails.
			_ = t.secret.Invalidate(ctx)
			cancel() // so Do does not try again after the 401
		}
		return err
	})
	if !e.sent {
		closeBody(r)
	}
	switch {
	case err == nil, err == errNoRefusal:
	case e.response == nil:
		return nil, err
	case errors.Is(r.Context().Err(), context.Canceled):
		e.response.Body.Close()
		return nil, context.Cause(r.Context())
	}
	return e.response, e.err
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		r.Body.Close()
	}
}

// errRefused reports a 401 to Do. Only RoundTrip sees it.
var errRefused = typedsecret.MaybeRejected(errors.New(http.StatusText(http.StatusUnauthorized)))

// errNoRefusal ends Do: there is no answer, or no other try. Only RoundTrip sees it.
var errNoRefusal = errors.New("httpsecret: no refusal")

// An exchange is one request, sent once or more.
type exchange struct {
	request  *http.Request
	refuses  func(*http.Response) bool
	body     io.ReadCloser // for the next try; nil means the request's own body
	sent     bool          // base has the request, so it has closed the body, or will
	stuck    bool          // the last answer is a 401, but the body can't be sent again
	response *http.Response
	err      error // the error of base
}

func (e *exchange) hasBody() bool { return e.request.Body != nil && e.request.Body != http.NoBody }

// rewind gets the body for another try, and reports whether there is one.
func (e *exchange) rewind() bool {
	if !e.hasBody() {
		return true
	}
	var err error
	e.body, err = e.request.GetBody()
	e.stuck = err != nil
	return err == nil
}

// send sends the request. It returns errRefused after a 401 that is worth another try, and
// errNoRefusal if there is no answer.
func (e *exchange) send(base http.RoundTripper, authorize func(*http.Request)) error {
	r := e.request.Clone(e.request.Context())
	if e.body != nil {
		r.Body = e.body
	}
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	authorize(r)
	e.sent = true
	response, err := base.RoundTrip(r)
	if err != nil && e.response != nil && r.Context().Err() != nil {
		return errNoRefusal // the caller gets the earlier 401, which says more than the end of the context
	}
	if e.response != nil {
		e.response.Body.Close()
	}
	e.response, e.err = response, err
	if err != nil {
		return errNoRefusal
	}
	if e.response.Request == r {
		e.response.Request = e.request // a caller that logs it then shows no credential
	}
	if !e.refuses(e.response) {
		return nil
	}
	e.stuck = e.hasBody() && e.request.GetBody == nil
	keep(e.response)
	return errRefused
}

// maxKept is how much of a 401's body is read into memory at once. Then the connection can
// be used again while the request waits, and the caller can read the body after its
// deadline.
const maxKept = 4 << 10

// keep reads the beginning of the body into memory.
func keep(response *http.Response) {
	body := response.Body
	read, err := io.ReadAll(io.LimitReader(body, maxKept))
	if err != nil || len(read) < maxKept {
		body.Close()
		response.Body = io.NopCloser(io.MultiReader(bytes.NewReader(read), failing{err}))
		return
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(read), body), body}
}

// failing takes the place of the rest of a body that could not be read.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, cmp.Or(f.err, io.EOF) }
