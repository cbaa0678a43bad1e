package typedsecret_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sync/atomic"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source"
)

// Secrets are what the service reads: a handle on each.
type Secrets struct {
	DB  *typedsecret.Secret[DBCreds] `secret:"db"`
	Key *typedsecret.Secret[string]  `secret:"api-key"`
}

// A Service is given its cache: by main, and by each test.
type Service struct {
	mux     http.ServeMux
	app     typedsecret.Set
	secrets Secrets
}

func NewService(ctx context.Context, c *cache.Cache) (*Service, error) {
	s := new(Service)
	s.app.Prefix = "prod/"
	s.app.Options = []typedsecret.Option{typedsecret.WithCache(c)}
	if err := s.app.Fill(&s.secrets); err != nil { // names each tag that is wrong
		return nil, err
	}
	s.mux.Handle("/readyz", s.app.ReadyHandler(0)) // 200 once all secrets are there
	return s, s.app.Preload(ctx)                   // names each secret that can't be read or decoded
}

// DSN is what each request calls.
func (s *Service) DSN(ctx context.Context) (string, error) {
	creds, err := s.secrets.DB.Get(ctx)
	return fmt.Sprintf("%s:%s@%s:%d", creds.Username, creds.Password, creds.Host, creds.Port), err
}

func run(ctx context.Context) error {
	from, err := source.FromEnvironment(ctx) // AWS, or what TYPEDSECRET_SOURCE names
	if err != nil {
		return err
	}
	c, err := cache.New(from, cache.Config{TTL: source.TTL(from)}) // 1 h, or what the variable says
	if err != nil {
		return err
	}
	defer c.Close()
	service, err := NewService(ctx, c)
	if err != nil {
		return err
	}
	return service.Serve(ctx)
}

// Serve stands for the service's work.
func (s *Service) Serve(ctx context.Context) error {
	dsn, err := s.DSN(ctx)
	fmt.Println(dsn)
	return err
}

func ExampleSet_Fill() {
	server := serve("prod/db", dbSecret("hunter2"), "prod/api-key", "k-123456")
	defer server.Close()
	setenv(server)

	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output: app:hunter2@localhost:5432
}

// dbSecret is a secret with this password.
func dbSecret(password string) string {
	return `{"username":"app","password":"` + password + `","host":"localhost","port":5432}`
}

// How a service that uses typedsecret is tested: the README shows it.
func TestMyService(t *testing.T) {
	t.Parallel()
	server, c := secrettest.NewCache(t) // a fake Secrets Manager, and a cache that reads from it
	server.Seed(t, "prod/db", dbSecret("first"))
	server.Seed(t, "prod/api-key", "k-123456")
	service, err := NewService(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	dsn := func(want string) {
		t.Helper()
		if got, err := service.DSN(t.Context()); got != want || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	dsn("app:first@localhost:5432")

	server.Rotate(t, "prod/db", dbSecret("second")) // a rotation
	if _, err := service.secrets.DB.Refresh(t.Context()); err != nil {
		t.Error(err)
	}
	dsn("app:second@localhost:5432")

	server.Rotate(t, "prod/db", `{"username":"app","host":"localhost","port":5432}`) // a bad one
	if _, err := service.secrets.DB.Refresh(t.Context()); !errors.Is(err, codec.ErrMissingKey) {
		t.Errorf("a secret without a password: %v", err)
	}
	dsn("app:second@localhost:5432") // the last good version

	server.Fail(t, secrettest.Fault{Effect: secrettest.Unavailable()}) // an outage, to the test's end
	if _, err := service.secrets.DB.Refresh(t.Context()); !typedsecret.IsTransient(err) {
		t.Errorf("in an outage: %v", err)
	}
	dsn("app:second@localhost:5432")
}

// delay is drawn at random.
var delay = regexp.MustCompile(` \(no other fetch for .*?\)`)

func ExamplePreload() {
	server := serve("prod/api-key", "hunter2")
	defer server.Close()
	db := typedsecret.New[DBCreds]("prod/db")
	key := typedsecret.New[string]("prod/api-key")

	// In main, before the service says that it is ready: all that is wrong, at once.
	if err := typedsecret.Preload(context.Background(), db, key); err != nil {
		fmt.Println(delay.ReplaceAllString(err.Error(), ""))
	}
	fmt.Println("requests:", server.Calls())
	// Output:
	// secret prod/db@AWSCURRENT: secret not found: Secrets Manager can't find the specified secret (ResourceNotFoundException)
	// requests: 1
}

func ExamplePreloader() {
	server := serve("prod/api-key", "hunter2")
	defer server.Close()
	key := typedsecret.New[string]("prod/api-key")

	// A thousand processes that start together have their secrets within 50 ms.
	preloader := typedsecret.Preloader{Jitter: 50 * time.Millisecond}
	if err := preloader.Preload(context.Background(), key); err != nil {
		fmt.Println(err)
	}
	fmt.Println(key.Get(context.Background()))
	// Output: hunter2 <nil>
}

// A Set is a package variable, as its handles are.
var service typedsecret.Set

var serviceKey = typedsecret.New[string]("prod/service-key", typedsecret.WithSet(&service))

func ExampleSet() {
	server := serve("prod/service-key", "hunter2")
	defer server.Close()

	if err := service.Preload(context.Background()); err != nil {
		fmt.Println(err)
	}
	fmt.Println(serviceKey.Get(context.Background()))
	fmt.Println("requests:", server.CallsFor("prod/service-key"))
	// Output:
	// hunter2 <nil>
	// requests: 1
}

// A Preloader with Retry waits out a short outage, until ctx ends.
func ExamplePreloader_retry() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var calls atomic.Int64
	starting := secret.SourceFunc(func(context.Context, secret.Ref) (secret.Value, error) {
		if calls.Add(1) == 1 {
			return secret.Value{}, secret.ErrUnavailable
		}
		return secret.Value{Payload: secret.StringPayload("hunter2"), VersionID: "1"}, nil
	})
	c, err := cache.New(starting, cache.Config{Backoff: backoff.Policy{Base: time.Millisecond}})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	key := typedsecret.New[string]("prod/api-key", typedsecret.WithCache(c))

	err = typedsecret.Preloader{Retry: true}.Preload(ctx, key)
	fmt.Println(err, calls.Load(), "calls")
	// Output: <nil> 2 calls
}

func ExampleIsTransient() {
	serve()
	_, err := typedsecret.New[string]("prod/unknown").Get(context.Background())
	fmt.Println(typedsecret.IsTransient(err), "create the secret first")

	err = fmt.Errorf("starting: %w", typedsecret.ErrThrottled)
	fmt.Println(typedsecret.IsTransient(err), "another try may succeed")
	// Output:
	// false create the secret first
	// true another try may succeed
}

// A page that shows what there is makes no request and waits for none.
func ExampleSecret_Peek() {
	defer serve("prod/db", dbSecret("hunter2")).Close()
	db := typedsecret.New[DBCreds]("prod/db")
	show := func() {
		if creds, info, ok := db.Peek(); ok {
			fmt.Println(creds.Username, info.Stages)
			return
		}
		fmt.Println("nothing yet")
	}
	show()
	if err := typedsecret.Preload(context.Background(), db); err != nil {
		log.Fatal(err)
	}
	show()
	// Output:
	// nothing yet
	// app [AWSCURRENT]
}

// A readiness probe: 200 once all secrets of the Set are there.
func ExampleSet_ReadyHandler() {
	defer serve("prod/db", dbSecret("hunter2")).Close()
	var app typedsecret.Set
	db := typedsecret.New[DBCreds]("prod/db", typedsecret.WithSet(&app))

	mux := http.NewServeMux()
	mux.Handle("GET /readyz", app.ReadyHandler(0)) // of any age: an outage takes no pod down

	probe := func() {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		fmt.Println(w.Code)
	}
	probe()
	if _, err := db.Get(context.Background()); err != nil {
		log.Fatal(err)
	}
	probe()
	// Output:
	// 503
	// 200
}

func ExampleSet_Status() {
	defer serve("prod/db", dbSecret("hunter2")).Close()
	var app typedsecret.Set
	typedsecret.New[DBCreds]("prod/db", typedsecret.WithSet(&app))
	if err := app.Preload(context.Background()); err != nil {
		log.Fatal(err)
	}

	for _, s := range app.Status() { // as JSON too
		fmt.Println(s.ID, s.State, s.Decoded, s.Type)
	}
	// Output: prod/db fresh true typedsecret_test.DBCreds
}

// Code that only reads a secret accepts a Getter, and its test passes a Static.
func ExampleStatic() {
	greet := func(ctx context.Context, key typedsecret.Getter[string]) error {
		value, err := key.Get(ctx)
		fmt.Println(len(value))
		return err
	}

	fmt.Println(greet(context.Background(), typedsecret.Static("k-123456")))
	// Output:
	// 8
	// <nil>
}

// A Getter may also be a type of the test, one that fails, say.
func ExampleGetter() {
	var key typedsecret.Getter[string] = denied{}

	_, err := key.Get(context.Background())
	fmt.Println(err)
	// Output: access denied
}

type denied struct{}

func (denied) Get(context.Context) (string, error) { return "", typedsecret.ErrAccessDenied }

func ExampleCloseDefault() {
	defer serve("prod/api-key", "hunter2").Close()
	key := typedsecret.New[string]("prod/api-key")

	if _, err := key.Get(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println(typedsecret.CloseDefault()) // at the end of main
	// Output: <nil>
}
