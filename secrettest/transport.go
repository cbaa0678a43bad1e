package secrettest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
)

// Client returns an HTTP client whose requests reach this server without a socket: the
// handler runs in the goroutine of the caller. The server answers requests for all hosts,
// so an SDK client with this HTTP client needs no endpoint.
//
// Goroutines that wait for a real socket keep the clock of a testing/synctest bubble from
// advancing. With this client they don't: latencies and hangs pass in the bubble's time,
// if the Server was made inside the bubble.
func (s *Server) Client() *http.Client { return &http.Client{Transport: s.Transport()} }

// Transport returns the transport of Client, for programs that wrap it.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

type transport struct{ s *Server }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	in := *r // a RoundTripper must not change the request
	if in.Body == nil {
		in.Body = http.NoBody
	}
	defer in.Body.Close()
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if t.s.wire.isClosed() {
		return nil, errRefused
	}
	rep, err := t.s.answer(&in)
	if err != nil {
		if ctxErr := r.Context().Err(); ctxErr != nil {
			return nil, ctxErr
		}
		return nil, errReset
	}
	if rep.cut == cutBeforeHeaders {
		return nil, errReset
	}
	resp := &http.Response{
		Status:     statusLine(rep.status),
		StatusCode: rep.status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{},
		ContentLength: int64(len(rep.body)),
		Request:       r,
	}
	rep.setHeader(resp.Header)
	var body io.Reader = bytes.NewReader(rep.body[:rep.sent()])
	if rep.cut != cutNowhere {
		body = io.MultiReader(body, failing{io.ErrUnexpectedEOF})
	}
	resp.Body = io.NopCloser(body)
	return resp, nil
}

// statusLine returns a status as net/http's server writes it.
func statusLine(status int) string {
	text := cmp.Or(http.StatusText(status), fmt.Sprint("status code ", status))
	return fmt.Sprint(status, " ", text)
}

// These are a client's errors for a connection that broke before the answer, and for a
// closed server.
var (
	errReset   = &net.OpError{Op: "read", Net: "tcp", Err: errors.Join(syscall.ECONNRESET)}
	errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: errors.Join(syscall.ECONNREFUSED)}
)

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
