package secrettest

import (
	"slices"
	"sync"
	"time"
)

// Request describes a request that reached the server. It holds no secret value.
type Request struct {
	Time      time.Time
	Operation string
	SecretIDs []string // the secrets in the request: by name if the secret exists, otherwise by the ID as given
	UserAgent string
}

// maxLog is the number of requests that a server keeps in full. It counts all requests.
const maxLog = 10_000

// callLog counts requests, and keeps the latest ones.
type callLog struct {
	mu     sync.Mutex // guards the fields below
	counts map[call]int
	log    []Request
}

// call is the key by which requests are counted: an operation and, if the request is about
// a secret, its name. In a faulty request the name may be "".
type call struct {
	op     string
	about  bool
	secret string
}

func newCallLog() *callLog { return &callLog{counts: map[call]int{}} }

func (l *callLog) add(req *request, agent string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[call{op: req.op}]++
	for i, id := range req.ids {
		if !slices.Contains(req.ids[:i], id) { // a batch may name a secret twice
			l.counts[call{req.op, true, id}]++
		}
	}
	if len(l.log) == maxLog {
		l.log = slices.Delete(l.log, 0, maxLog/2)
	}
	l.log = append(l.log, Request{Time: time.Now(), Operation: req.op, SecretIDs: req.ids, UserAgent: agent})
}

// count returns the number of requests for the operations, or for all operations if none is
// given. If about is set, only requests about the secret count.
func (l *callLog) count(about bool, secret string, ops []string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for c, k := range l.counts {
		if c.about == about && c.secret == secret && (len(ops) == 0 || slices.Contains(ops, c.op)) {
			n += k
		}
	}
	return n
}

// Calls returns how many requests for the given operations have reached the server, or for
// any operation if none is given. It counts requests on the wire: each try of a client that
// retries, also those that were answered with a fault.
func (s *Server) Calls(operations ...string) int { return s.calls.count(false, "", operations) }

// CallsFor is like Calls, but counts only requests about one secret, given by name or ARN.
// A batch counts once for each secret that it lists by ID.
func (s *Server) CallsFor(secretID string, operations ...string) int {
	return s.calls.count(true, s.store.names([]string{secretID})[0], operations)
}

// ResetCalls sets all counts to zero and forgets the requests.
func (s *Server) ResetCalls() {
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	s.calls.log = nil
	clear(s.calls.counts)
}

// Requests returns the latest requests, the oldest first. The server keeps 10,000 of them.
func (s *Server) Requests() []Request {
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	return slices.Clone(s.calls.log)
}
