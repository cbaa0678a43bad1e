// Package secrettest gives a test an AWS Secrets Manager of its own. [NewCache] starts one,
// with a cache over it for the handles of the code under test:
//
//	server, c := secrettest.NewCache(t)
//	server.Seed(t, "prod/db", `{"username":"app","password":"first"}`)
//	db := typedsecret.New[DBCreds]("prod/db", typedsecret.WithCache(c))
//
// [Server.Rotate] rotates a secret, [Server.Fail] makes the service fail, [Server.Calls] says
// what reached it, [Server.OnRotate] sets what RotateSecret starts, and [Server.OnEvent]
// receives the events that the service sends to EventBridge. [New] starts a server alone, for
// code that makes its own client.
//
// The server speaks the service's own protocol, so the AWS SDK, the aws command and any other
// client run against it unchanged. It keeps versions and their staging labels, deletion,
// idempotency tokens, limits and pages as the service does.
//
// # Operations
//
// The server has all operations of the service's API version 2017-10-17:
//
//	BatchGetSecretValue           ListSecrets
//	CancelRotateSecret            PutResourcePolicy
//	CreateSecret                  PutSecretValue
//	DeleteResourcePolicy          RemoveRegionsFromReplication
//	DeleteSecret                  ReplicateSecretToRegions
//	DescribeSecret                RestoreSecret
//	GetRandomPassword             RotateSecret
//	GetResourcePolicy             StopReplicationToReplica
//	GetSecretValue                TagResource
//	ListSecretVersionIds          UntagResource
//	UpdateSecret                  UpdateSecretVersionStage
//	ValidateResourcePolicy
//
// It checks no signature and obeys no policy, it encrypts nothing and knows no
// KMS key but by its form, and it rotates nothing by itself: a schedule gives the
// dates alone. A secret is in the server's region, whatever region a client is
// configured for; from when one is replicated to another region, that region has
// secrets of its own, which clients for it see.
//
// # Reading the code
//
// Start here, go on to protocol.go (from an HTTP request to an operation and
// back), secret.go and version.go (secrets, versions and labels), then the
// operations, a file each, and end with faults.go.
package secrettest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"regexp"
	"sync"
	"testing"
	"time"
)

// Config says how [Start] sets up a server. The zero value is a server on a
// free port of the loopback interface.
type Config struct {
	// Addr is the address to listen on; "127.0.0.1:0" by default.
	Addr string

	// Region and Account are what the ARNs of secrets say; "us-east-1" and
	// "123456789012" by default.
	Region, Account string

	// Now is the clock that creation, access and deletion dates are taken from;
	// time.Now by default. Latencies run on real time whatever it says.
	Now func() time.Time

	// PurgeDelay is how long a secret that was deleted without recovery is
	// still described, with a deletion date, before it is gone. The service
	// takes some seconds for it; the default is none, so that a test can
	// create the secret anew at once.
	PurgeDelay time.Duration
}

func (c Config) withDefaults() Config {
	if c.Addr == "" {
		c.Addr = "127.0.0.1:0"
	}
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	if c.Account == "" {
		c.Account = "123456789012"
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Server is a fake Secrets Manager. Create it by [New] or [Start]; the zero
// value is of no use. All its methods are safe for concurrent use. However it is
// printed, it shows its address and no secret.
//
// The fields are pointers without exception, so that a printed copy of a Server
// shows addresses where the state would be.
type Server struct {
	store  *store
	faults *faultList
	calls  *callLog
	wire   *wire
}

// wire is a server's connection to the outside: its listener, once it has one,
// and what ends with it.
type wire struct {
	addr   string
	closed chan struct{} // closed by Close: hung requests and rotations end
	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup // rotations under way

	mu   sync.Mutex // guards the rest
	done bool
	url  string
	http *http.Server
}

func (w *wire) isClosed() bool {
	select {
	case <-w.closed:
		return true
	default:
		return false
	}
}

// New starts a fake Secrets Manager that is closed when the test ends. It opens
// its socket when URL, Env or Setenv is first called: until then it lives in
// memory, reached through [Server.Client] alone, and may be used inside a
// testing/synctest bubble (create it in there).
func New(t testing.TB) *Server {
	t.Helper()
	s := newServer(Config{})
	t.Cleanup(s.Close)
	return s
}

// Start starts a fake Secrets Manager that listens from now on until it is
// closed. It is the form for programs; a test calls [New] unless it needs a
// Config.
func Start(cfg Config) (*Server, error) {
	s := newServer(cfg)
	switch cfg := s.store.cfg; {
	case !validRegion.MatchString(cfg.Region):
		return nil, fmt.Errorf("secrettest: the region %q is not of lower-case letters, digits and hyphens", cfg.Region)
	case !validAccount.MatchString(cfg.Account):
		return nil, fmt.Errorf("secrettest: the account %q is not of 12 digits", cfg.Account)
	}
	if _, err := s.listen(); err != nil {
		return nil, err
	}
	return s, nil
}

var (
	validRegion  = regexp.MustCompile(`^[a-z0-9-]+$`)
	validAccount = regexp.MustCompile(`^[0-9]{12}$`)
)

func newServer(cfg Config) *Server {
	cfg = cfg.withDefaults()
	w := &wire{addr: cfg.Addr, closed: make(chan struct{})}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	st := newStore(cfg)
	return &Server{store: st, faults: &faultList{store: st}, calls: newCallLog(), wire: w}
}

// listen opens the socket unless it is open, and returns the server's URL.
func (s *Server) listen() (string, error) {
	w := s.wire
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.url != "" {
		return w.url, nil
	}
	if w.done {
		return "", errors.New("secrettest: the server is closed")
	}
	l, err := net.Listen("tcp", w.addr)
	if err != nil {
		return "", fmt.Errorf("secrettest: no address to listen on: %w", err)
	}
	w.url = "http://" + reachable(l.Addr().(*net.TCPAddr))
	w.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0), // clients that hang up are what faults are for
	}
	go w.http.Serve(l)
	return w.url, nil
}

// reachable returns an address that leads to a listener, which that of one on all
// addresses does not everywhere.
func reachable(a *net.TCPAddr) string {
	if a.IP.IsUnspecified() {
		a = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: a.Port}
	}
	return a.String()
}

// URL returns the server's base URL, for the SDK's BaseEndpoint or an
// AWS_ENDPOINT_URL_SECRETS_MANAGER of your own. It opens the socket if nothing
// has yet, and panics if there is no port to be had, as httptest does.
func (s *Server) URL() string {
	url, err := s.listen()
	if err != nil {
		panic(err)
	}
	return url
}

// Close stops the server: requests that hang are cut off, rotations under way
// are cancelled and waited for, and requests to come are refused, those without a
// socket as well. It may be called more than once.
func (s *Server) Close() {
	w := s.wire
	w.mu.Lock()
	first, srv := !w.done, w.http
	w.done = true
	w.mu.Unlock()
	if first {
		close(w.closed)
		s.store.mu.Lock() // no rotation starts from here on
		w.cancel()
		s.store.mu.Unlock()
	}
	if srv != nil {
		srv.Close()
	}
	w.tasks.Wait()
}

// String returns the server's address and the number of its secrets.
func (s Server) String() string {
	if s.wire == nil {
		return "secrettest.Server(nil)"
	}
	s.wire.mu.Lock()
	url := s.wire.url
	s.wire.mu.Unlock()
	if url == "" {
		url = "in memory"
	}
	return fmt.Sprintf("secrettest.Server(%s, %d secrets)", url, s.store.len())
}

// Format prints what String returns, whatever the verb and its flags.
func (s Server) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// MarshalText returns what String returns.
func (s Server) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
