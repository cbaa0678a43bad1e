package secrettest

import (
	"slices"
	"sync"
	"time"
)

// Request is what a server notes of a request that reached it. It holds no
// secret value.
type Request struct {
	Time      time.Time
	Operation string
	SecretIDs []string // what it was about: names where the secret exists, else the IDs as given
	UserAgent string
}

// maxLog is how many requests a server remembers in full; it counts them all.
const maxLog = 10_000

// callLog counts and remembers requests.
type callLog struct {
	mu     sync.Mutex // guards the rest
	counts map[call]int
	log    []Request
}

// call is what requests are counted by: an operation, and for those about a secret
// its name as well, which may be "" in a request that is wrong.
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
		if !slices.Contains(req.ids[:i], id) { // a batch may name one twice
			l.counts[call{req.op, true, id}]++
		}
	}
	if len(l.log) == maxLog {
		l.log = slices.Delete(l.log, 0, maxLog/2)
	}
	l.log = append(l.log, Request{Time: time.Now(), Operation: req.op, SecretIDs: req.ids, UserAgent: agent})
}

// count adds up the requests for the operations, all of them if none is given, or
// those about one secret.
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

// Calls returns how many requests for the given operations have reached the
// server, or for any operation if none is given. It counts what is on the wire:
// each attempt of a client that retries, and those that were answered with a
// fault.
func (s *Server) Calls(operations ...string) int { return s.calls.count(false, "", operations) }

// CallsFor is Calls for one secret, given by name or ARN. A batch counts once for
// each secret that it lists by ID.
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

// Requests returns the latest requests, oldest first: all of them up to some
// thousands.
func (s *Server) Requests() []Request {
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	return slices.Clone(s.calls.log)
}
