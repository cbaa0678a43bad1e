// Package endless tests that an error which wraps itself, from any of the user's functions,
// stops nobody: errors.Is and errors.As would never come to an end with it.
package endless_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/httpsecret"
	"github.com/typedsecret/typedsecret/internal/handletest"
	"github.com/typedsecret/typedsecret/rejected"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source"
	"github.com/typedsecret/typedsecret/source/awssm"
	"github.com/typedsecret/typedsecret/source/failover"
	"github.com/typedsecret/typedsecret/sqlsecret"
)

// An endless error wraps itself.
type endless struct{ _ int }

func (e *endless) Error() string { return "endless" }
func (e *endless) Unwrap() error { return e }

// A bush wraps itself twice, so that a walk of it doubles at each step.
type bush struct{ _ int }

func (b *bush) Error() string   { return "bush" }
func (b *bush) Unwrap() []error { return []error{b, b} }

var endlessErrors = map[string]error{
	"wraps itself": &endless{}, "joins itself": &bush{}, "wrapped": fmt.Errorf("x: %w", &endless{}), "joined": errors.Join(errors.New("x"), &bush{}),
}

// walk does with err what a caller may do.
func walk(err error) {
	var target *fs.PathError
	_, _, _ = errors.Is(err, context.Canceled), errors.As(err, &target), fmt.Sprintf("%v %+v", err, err)
	_, _ = secret.Class(err), typedsecret.IsTransient(err)
}

type text string

var unmarshal func() error

func (*text) UnmarshalText([]byte) error { return unmarshal() }

type object struct{ Key raw }

type raw struct{}

func (*raw) UnmarshalJSON([]byte) error { return unmarshal() }

type checked string

func (checked) Validate() error { return unmarshal() }

type failingHook struct{ put, get error }

func (h failingHook) Put(_ context.Context, _ hook.Item, b []byte) ([]byte, error) { return b, h.put }

func (h failingHook) Get(_ context.Context, _ hook.Item, b []byte) ([]byte, error) { return b, h.get }

type failingCodec struct{ err error }

func (c failingCodec) Decode([]byte, any) error { return c.err }

type failingClient struct{ err error }

func (c failingClient) GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	return nil, c.err
}

type failingMany struct{ err error }

func (s failingMany) Fetch(context.Context, secret.Ref) (secret.Value, error) {
	return secret.Value{}, s.err
}

func (s failingMany) FetchMany(_ context.Context, refs []secret.Ref, answer func(secret.Ref, secret.Value, error)) {
	for _, ref := range refs {
		answer(ref, secret.Value{}, s.err)
	}
}

type connector struct{ err error }

func (c connector) Connect(context.Context) (driver.Conn, error) { return nil, c.err }
func (c connector) Driver() driver.Driver                        { return nil }

type roundTripper struct{ err error }

func (r roundTripper) RoundTrip(*http.Request) (*http.Response, error) { return nil, r.err }

func get[T any](t *testing.T, from secret.Source, cfg cache.Config, opts ...typedsecret.Option) error {
	cfg.MinRefreshInterval = -1
	c := handletest.Open(t, from, cfg)
	_, err := typedsecret.New[T]("db", append(opts, typedsecret.WithCache(c))...).Get(t.Context())
	return err
}

func TestAnErrorThatWrapsItselfStopsNobody(t *testing.T) {
	storing := func() secret.Source { return handletest.Storing("db", `{"Key":1}`) }
	for name, use := range map[string]func(t *testing.T, endless error) error{
		"source": func(t *testing.T, err error) error { return get[string](t, failingMany{err}, cache.Config{}) },
		"source of many": func(t *testing.T, err error) error {
			c := handletest.Open(t, failingMany{err}, cache.Config{})
			return typedsecret.Preload(t.Context(), typedsecret.New[string]("a", typedsecret.WithCache(c)), typedsecret.New[string]("b", typedsecret.WithCache(c)))
		},
		"source with a prefix": func(t *testing.T, err error) error {
			return get[string](t, source.WithPrefix(failingMany{err}, "staging/"), cache.Config{})
		},
		"failover": func(t *testing.T, err error) error {
			s, failed := failover.New(failover.Region{Name: "eu-west-1", Source: failingMany{err}}, failover.Region{Name: "eu-central-1", Source: failingMany{err}})
			if failed != nil {
				t.Fatal(failed)
			}
			return get[string](t, s, cache.Config{})
		},
		"client": func(t *testing.T, err error) error {
			s, failed := awssm.New(failingClient{err})
			if failed != nil {
				t.Fatal(failed)
			}
			_, err = s.Fetch(t.Context(), secret.Ref{ID: "db"})
			return err
		},
		"hook's Put": func(t *testing.T, err error) error {
			return get[string](t, storing(), cache.Config{Hook: failingHook{put: err}})
		},
		"hook's Get": func(t *testing.T, err error) error {
			return get[string](t, storing(), cache.Config{Hook: failingHook{get: err}})
		},
		"codec": func(t *testing.T, err error) error {
			return get[string](t, storing(), cache.Config{}, typedsecret.WithCodec(failingCodec{err}))
		},
		"codec.Func": func(t *testing.T, err error) error {
			return get[string](t, storing(), cache.Config{}, typedsecret.WithCodec(codec.Func(func([]byte) (string, error) { return "", err })))
		},
		"UnmarshalText": func(t *testing.T, err error) error {
			unmarshal = func() error { return err }
			return get[text](t, storing(), cache.Config{})
		},
		"UnmarshalJSON": func(t *testing.T, err error) error {
			unmarshal = func() error { return err }
			return get[object](t, storing(), cache.Config{})
		},
		"Validate": func(t *testing.T, err error) error {
			unmarshal = func() error { return err }
			return get[checked](t, storing(), cache.Config{})
		},
		"panic of Validate": func(t *testing.T, err error) error {
			unmarshal = func() error { panic(err) }
			return get[checked](t, storing(), cache.Config{})
		},
		"function of Do": func(t *testing.T, err error) error {
			c := handletest.Open(t, storing(), cache.Config{})
			handle := typedsecret.New[string]("db", typedsecret.WithCache(c), typedsecret.WithRejected(rejected.Database))
			got := handle.Do(t.Context(), func(context.Context, string) error { return err })
			if got != err {
				t.Errorf("Do returned %T, not the function's error", got)
			}
			return nil
		},
		"Rejected": func(t *testing.T, err error) error {
			c := handletest.Open(t, storing(), cache.Config{})
			handle := typedsecret.New[string]("db", typedsecret.WithCache(c), typedsecret.WithRetryBudget(0))
			return handle.Do(t.Context(), func(context.Context, string) error { return typedsecret.Rejected(err) })
		},
		"MaybeRejected": func(t *testing.T, err error) error {
			c := handletest.Open(t, storing(), cache.Config{})
			handle := typedsecret.New[string]("db", typedsecret.WithCache(c), typedsecret.WithRetryBudget(0))
			return handle.Do(t.Context(), func(context.Context, string) error { return typedsecret.MaybeRejected(err) })
		},
		"rejected": func(_ *testing.T, err error) error {
			_, _, _, _ = rejected.Database(err), rejected.Redis(err), rejected.HTTP(err), rejected.GRPC(err)
			return nil
		},
		"driver": func(t *testing.T, err error) error {
			c := handletest.Open(t, storing(), cache.Config{})
			db := sqlsecret.OpenDB(typedsecret.New[string]("db", typedsecret.WithCache(c)), func(string) (driver.Connector, error) { return connector{err}, nil })
			defer db.Close()
			return db.Ping()
		},
		"transport": func(t *testing.T, err error) error {
			c := handletest.Open(t, storing(), cache.Config{})
			rt := httpsecret.BearerToken("https://example.com", typedsecret.New[string]("db", typedsecret.WithCache(c)), roundTripper{err})
			request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://example.com", nil)
			_, got := rt.RoundTrip(request)
			if got == nil {
				t.Error("no error")
			}
			return nil
		},
		"cause of a context": func(t *testing.T, err error) error {
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(err)
			c := handletest.Open(t, storing(), cache.Config{})
			_, got := typedsecret.New[string]("db", typedsecret.WithCache(c)).Get(ctx)
			return got
		},
		"cause of a context, default cache": func(t *testing.T, err error) error {
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(err)
			t.Setenv("TYPEDSECRET_SOURCE", "env:")
			defer typedsecret.CloseDefault()
			_, got := typedsecret.New[string]("db").Get(ctx)
			return got
		},
		"label of a metric": func(_ *testing.T, err error) error {
			_, _ = secret.Class(err), typedsecret.IsTransient(err)
			return nil
		},
	} {
		for kind, err := range endlessErrors {
			t.Run(name+"/"+kind, func(t *testing.T) {
				if got := use(t, err); got != nil {
					walk(got)
				}
			})
		}
	}
}
