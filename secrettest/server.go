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
// It checks no signature and encrypts nothing; of a KMS key it checks only the form. It
// enforces no policy but the one of [Server.SetIdentityPolicy]. It rotates nothing by itself:
// a schedule only gives the dates. A secret is in the server's region, and clients for all
// regions see it. Once a secret is replicated to another region, that region has its own
// secrets, and clients for it see only these.
//
// # Reading the code
//
// Start here. Go on to protocol.go (from an HTTP request to an operation and back), and to
// secret.go and version.go (secrets, versions and labels). Then read the operations, which
// have a file each, and end with faults.go.
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

	// Region and Account are in the ARNs of secrets; the defaults are "us-east-1" and
	// "123456789012".
	Region, Account string

	// Now is the clock for the dates of creation, access and deletion; the default is
	// time.Now. Latencies do not use it.
	Now func() time.Time

	// PurgeDelay is the time for which a secret that was deleted without recovery can still
	// be described, with a deletion date. At AWS that is some seconds. The default is none,
	// so that a test can create the secret again at once.
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

// Server is a fake Secrets Manager. Make one with [New] or [Start]; the zero value is not
// usable. All its methods are safe for concurrent use. Each printed form shows its address
// and no secret.
//
// All fields are pointers, so that a printed copy of a Server shows addresses in place of
// the state.
type Server struct {
	store  *store
	faults *faultList
	calls  *callLog
	wire   *wire
}

// wire is a server's connection to the outside: its listener, once it has one, and
// everything that ends with it.
type wire struct {
	addr   string
	closed chan struct{} // closed by Close: hung requests and rotations end
	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup // the rotations under way

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

// New starts a fake Secrets Manager that is closed when the test ends. It opens its socket
// at the first call of URL, Env or Setenv. Without these calls it needs no socket: clients
// reach it through [Server.Client], and it may be used inside a testing/synctest bubble, if
// it is made there.
func New(t testing.TB) *Server {
	t.Helper()
	s := newServer(Config{})
	t.Cleanup(s.Close)
	return s
}

// Start starts a fake Secrets Manager that listens until it is closed. It is for programs.
// A test calls [New], unless it needs a Config.
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
		ErrorLog:          log.New(io.Discard, "", 0), // with faults, many clients give up
	}
	go w.http.Serve(l)
	return w.url, nil
}

// reachable returns an address that leads to a listener. The address of a listener on all
// addresses does not do so on every system.
func reachable(a *net.TCPAddr) string {
	if a.IP.IsUnspecified() {
		a = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: a.Port}
	}
	return a.String()
}

// URL returns the server's base URL, for the SDK's BaseEndpoint or the variable
// AWS_ENDPOINT_URL_SECRETS_MANAGER. It opens the socket if it is not open yet. Like
// httptest, it panics if there is no free port.
func (s *Server) URL() string {
	url, err := s.listen()
	if err != nil {
		panic(err)
	}
	return url
}

// Close stops the server. It ends requests that hang, cancels rotations under way and waits
// for them. Later requests are refused, also those without a socket. It may be called more
// than once.
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

// Format prints the result of String for all verbs and flags.
func (s Server) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// MarshalText returns the result of String.
func (s Server) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
