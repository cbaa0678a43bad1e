package pushed

import (
	"errors"
	"slices"
	"strconv"
	"sync"

	"github.com/typedsecret/typedsecret/integration/elasticmqtest"
	"github.com/typedsecret/typedsecret/integration/mototest"
	"github.com/typedsecret/typedsecret/integration/natstest"
	"github.com/typedsecret/typedsecret/integration/redistest"
	"github.com/typedsecret/typedsecret/integration/relaytest"
)

// Servers are those of the carriers. Each is started when the first carrier needs it.
//
// Scenarios with an outage restart a server. So they must not run at the same time as others
// with the same Servers.
type Servers struct {
	natsServer  lazy[*natstest.Server]
	redisServer lazy[*redistest.Server]
	motoServer  lazy[*mototest.Server]
	elasticMQ   lazy[*elasticmqtest.Server]
	program     lazy[*relaytest.Program]

	mu      sync.Mutex // guards the fields below
	names   int
	closers []func() error
}

// A lazy server is started by the first call of get. It keeps the error if it can't be.
type lazy[S any] struct {
	once   sync.Once
	server S
	err    error
}

// get starts the server at the first call.
func (l *lazy[S]) get(s *Servers, start func() (S, error), closeIt func(S) error) (S, error) {
	l.once.Do(func() {
		if l.server, l.err = start(); l.err == nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.closers = append(s.closers, func() error { return closeIt(l.server) })
		}
	})
	return l.server, l.err
}

func (s *Servers) nats() (*natstest.Server, error) {
	return s.natsServer.get(s, natstest.Start, (*natstest.Server).Close)
}

func (s *Servers) redis() (*redistest.Server, error) {
	return s.redisServer.get(s, func() (*redistest.Server, error) { return redistest.Start(redistest.Config{}) }, (*redistest.Server).Close)
}

func (s *Servers) moto() (*mototest.Server, error) {
	return s.motoServer.get(s, func() (*mototest.Server, error) { return mototest.Start(mototest.Config{}) }, (*mototest.Server).Close)
}

func (s *Servers) elastic() (*elasticmqtest.Server, error) {
	return s.elasticMQ.get(s, func() (*elasticmqtest.Server, error) { return elasticmqtest.Start(elasticmqtest.Config{}) }, (*elasticmqtest.Server).Close)
}

func (s *Servers) relay() (*relaytest.Program, error) {
	return s.program.get(s, relaytest.Build, (*relaytest.Program).Close)
}

// name returns a name for a queue, a subject or the like that nothing else has.
func (s *Servers) name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names++
	return "rotations-" + strconv.Itoa(s.names)
}

// Close stops the servers.
func (s *Servers) Close() (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stop := range slices.Backward(s.closers) {
		err = errors.Join(err, stop())
	}
	s.closers = nil
	return err
}
