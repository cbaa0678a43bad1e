package secrettest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	contentType  = "application/x-amz-json-1.1"
	targetPrefix = "secretsmanager."

	packagePath = "github.com/typedsecret/typedsecret/secrettest"

	// maxBody is more than the largest valid request needs: a value of 65,536
	// bytes as base64 or escaped JSON, and the rest.
	maxBody = 1 << 20
)

// reply is an answer before it is sent.
type reply struct {
	status int
	body   []byte
	date   time.Time // for the Date header; zero means now
	cut    cut
}

// cut is the place in a reply at which the connection breaks.
type cut int

const (
	cutNowhere cut = iota
	cutBeforeHeaders
	cutAfterHeaders
	cutInBody
)

// request has the parsed headers and the body of a request.
type request struct {
	op   string
	body []byte
	ids  []string // the secret IDs in the body
}

// operations maps each operation's name to its function. All of them run under the store's
// lock.
var operations = map[string]func(*Server, []byte) (any, error){
	"BatchGetSecretValue":          operation((*Server).batchGetSecretValue),
	"CancelRotateSecret":           operation((*Server).cancelRotateSecret),
	"CreateSecret":                 operation((*Server).createSecret),
	"DeleteResourcePolicy":         operation((*Server).deleteResourcePolicy),
	"DeleteSecret":                 operation((*Server).deleteSecret),
	"DescribeSecret":               operation((*Server).describeSecret),
	"GetRandomPassword":            operation((*Server).getRandomPassword),
	"GetResourcePolicy":            operation((*Server).getResourcePolicy),
	"GetSecretValue":               operation((*Server).getSecretValue),
	"ListSecretVersionIds":         operation((*Server).listSecretVersionIds),
	"ListSecrets":                  operation((*Server).listSecrets),
	"PutResourcePolicy":            operation((*Server).putResourcePolicy),
	"PutSecretValue":               operation((*Server).putSecretValue),
	"RemoveRegionsFromReplication": operation((*Server).removeRegionsFromReplication),
	"ReplicateSecretToRegions":     operation((*Server).replicateSecretToRegions),
	"RestoreSecret":                operation((*Server).restoreSecret),
	"RotateSecret":                 operation((*Server).rotateSecret),
	"StopReplicationToReplica":     operation((*Server).stopReplicationToReplica),
	"TagResource":                  operation((*Server).tagResource),
	"UntagResource":                operation((*Server).untagResource),
	"UpdateSecret":                 operation((*Server).updateSecret),
	"UpdateSecretVersionStage":     operation((*Server).updateSecretVersionStage),
	"ValidateResourcePolicy":       operation((*Server).validateResourcePolicy),
}

// operation wraps a typed operation: it parses and checks the parameters, takes
// the lock and calls it.
func operation[In any](do func(*Server, *In) (any, error)) func(*Server, []byte) (any, error) {
	return func(s *Server, body []byte) (any, error) {
		in := new(In)
		if err := parse(body, in); err != nil {
			return nil, err
		}
		s.store.mu.Lock()
		defer s.store.mu.Unlock()
		s.store.sweep()
		out, err := do(s, in)
		s.deliverEvents()
		return out, err
	}
}

// later is an answer that waits for something.
type later struct {
	out  any
	done <-chan struct{}
}

// in returns the server for the region for which a request is signed.
func (s *Server) in(r *http.Request) *Server {
	return &Server{store: s.store.visible(regionOf(r)), faults: s.faults, calls: s.calls, wire: s.wire}
}

// regionOf returns the region for which a request is signed, or "". It is in the
// signature's scope: key/date/region/service/aws4_request.
func regionOf(r *http.Request) string {
	credential := r.URL.Query().Get("X-Amz-Credential")
	if _, rest, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		credential, _, _ = strings.Cut(rest, ",")
	}
	scope := strings.Split(credential, "/")
	if len(scope) < 5 {
		return ""
	}
	return scope[len(scope)-3]
}

// ServeHTTP answers one request. A Server is an http.Handler for programs that have a
// listener of their own.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.wire.isClosed() {
		panic(http.ErrAbortHandler)
	}
	rep, err := s.answer(r)
	if err != nil { // the client gave up, or the server closes
		panic(http.ErrAbortHandler)
	}
	if rep.cut == cutBeforeHeaders {
		panic(http.ErrAbortHandler)
	}
	rep.setHeader(w.Header())
	w.WriteHeader(rep.status)
	switch rep.cut {
	case cutAfterHeaders, cutInBody:
		w.Write(rep.body[:rep.sent()])
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	default:
		w.Write(rep.body)
	}
}

// sent returns the number of bytes of the body that are sent.
func (r *reply) sent() int {
	switch r.cut {
	case cutAfterHeaders, cutBeforeHeaders:
		return 0
	case cutInBody:
		return len(r.body) / 2
	default:
		return len(r.body)
	}
}

func (r *reply) setHeader(h http.Header) {
	date := r.date
	if date.IsZero() {
		date = time.Now()
	}
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(r.body)))
	h.Set("Date", date.UTC().Format(http.TimeFormat))
	h.Set("X-Amzn-Requestid", newUUID())
}

// answer carries out one request, with its faults. It returns an error if the client gave
// up or the server was closed.
func (s *Server) answer(r *http.Request) (*reply, error) {
	s = s.in(r)
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, err
	}
	req := &request{op: strings.TrimPrefix(r.Header.Get("X-Amz-Target"), targetPrefix), body: body}
	req.ids = s.store.names(secretIDs(req.op, body))
	s.calls.add(req, r.Header.Get("User-Agent"))

	p, err := s.faults.plan(r.Context(), s.wire.closed, req, r.Header)
	if err != nil {
		return nil, err
	}
	rep := &reply{status: http.StatusOK, cut: p.cut}
	if p.skew != 0 {
		rep.date = time.Now().Add(p.skew)
	}
	fail := p.err
	if fail == nil {
		rep.body, fail = s.perform(r, req)
	}
	if fail != nil {
		rep.status, rep.body = fail.status, fail.body()
	}
	if p.alter != nil {
		rep.body = p.alter(rep.body)
	}
	return rep, nil
}

// perform checks the headers and carries out the operation.
func (s *Server) perform(r *http.Request, req *request) ([]byte, *apiError) {
	target := r.Header.Get("X-Amz-Target")
	do := operations[req.op]
	switch {
	case r.Method != http.MethodPost:
		return nil, unknownOperation("This is a fake Secrets Manager, to which each request is a POST.")
	case !strings.HasPrefix(target, targetPrefix):
		return nil, unknownOperation(fmt.Sprintf("The header X-Amz-Target is %.200q. This is a fake Secrets Manager, for which it begins with %q.", target, targetPrefix))
	case do == nil:
		return nil, unknownOperation(fmt.Sprintf("The fake Secrets Manager has no operation %.200q. The package comment of %s lists those that it has.", req.op, packagePath))
	case !strings.HasPrefix(r.Header.Get("Content-Type"), contentType):
		return nil, unknownOperation(fmt.Sprintf("The header Content-Type is %.200q. Secrets Manager takes %q.", r.Header.Get("Content-Type"), contentType))
	case r.Header.Get("Authorization") == "" && !r.URL.Query().Has("X-Amz-Signature"):
		return nil, frontError("MissingAuthenticationTokenException", "Missing Authentication Token")
	case len(req.body) > maxBody:
		return nil, &apiError{
			status: http.StatusRequestEntityTooLarge, typ: "RequestEntityTooLargeException",
			message: fmt.Sprintf("The request is larger than %d bytes.", maxBody), front: true,
		}
	}
	err := s.authorize(req)
	var out any
	if err == nil {
		out, err = do(s, req.body)
	}
	if err != nil {
		var api *apiError
		if !errors.As(err, &api) {
			panic("secrettest: an operation failed with no error of the service: " + err.Error())
		}
		return nil, api
	}
	if wait, ok := out.(later); ok {
		select {
		case <-wait.done:
		case <-r.Context().Done():
		}
		out = wait.out
	}
	return mustJSON(out), nil
}

// unknownOperation returns an error with a message. The service's own message is empty.
func unknownOperation(message string) *apiError {
	return frontError("UnknownOperationException", message)
}

// newUUID returns a random version 4 UUID, the form of version and request IDs.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
