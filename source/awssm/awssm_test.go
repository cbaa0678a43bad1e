package awssm_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/awssm"
)

// credentials are found in no error; see TestErrorsShowNoSecret.
const (
	accessKey    = "AKIDEXAMPLE"
	secretKey    = "wJalrXUtnFEMIbPxRfiCYEXAMPLEKEY"
	sessionToken = "FwoGZXIvYXdzEJrSESSIONTOKEN"
)

func options(endpoint string) secretsmanager.Options {
	return secretsmanager.Options{
		Region:       "eu-west-1",
		BaseEndpoint: aws.String(endpoint),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey, SessionToken: sessionToken}, nil
		}),
	}
}

func newSource(t testing.TB, endpoint string, change ...func(*secretsmanager.Options)) *awssm.Source {
	t.Helper()
	s, err := awssm.New(secretsmanager.New(options(endpoint), change...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// serve starts a server that reads each request whole before it answers, as Secrets
// Manager does. The SDK closes a request's body when the answer begins, and if
// net/http is still writing it then, it gives the connection up.
func serve(t testing.TB, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Errorf("reading the request: %v", err)
		}
		handler(w, r)
	}))
	t.Cleanup(srv.Close)
	return srv
}

var current = secret.Ref{ID: "prod/db", Stage: "AWSCURRENT"}

func TestFetchMapsTheAnswer(t *testing.T) {
	srv := secrettest.New(t)
	arn := srv.Seed(t, "prod/db", `{"user":"app"}`)
	v, err := newSource(t, srv.URL()).Fetch(t.Context(), current)
	if err != nil {
		t.Fatal(err)
	}
	if got := v.Payload.Reveal(); got != `{"user":"app"}` || v.Payload.IsBinary() {
		t.Errorf("payload is %q, binary %v", got, v.Payload.IsBinary())
	}
	if v.ARN != arn || v.Name != "prod/db" || v.VersionID == "" || len(v.Stages) != 1 || v.Stages[0] != "AWSCURRENT" {
		t.Errorf("got %+v", v)
	}
	if age := time.Since(v.Created); age < -time.Second || age > time.Minute {
		t.Errorf("created %v ago", age)
	}
	if !v.FetchedAt.IsZero() {
		t.Error("FetchedAt is the cache's to set")
	}
}

// recorder is a client of the user's own.
type recorder struct {
	in  *secretsmanager.GetSecretValueInput
	out *secretsmanager.GetSecretValueOutput
	err error
}

func (r *recorder) GetSecretValue(
	_ context.Context, in *secretsmanager.GetSecretValueInput, _ ...func(*secretsmanager.Options),
) (*secretsmanager.GetSecretValueOutput, error) {
	r.in = in
	return r.out, r.err
}

func TestRefBecomesTheInput(t *testing.T) {
	for _, c := range []struct {
		name string
		ref  secret.Ref
		want [3]string // ID, stage, version
	}{
		{"stage", secret.Ref{ID: "a", Stage: "AWSPREVIOUS"}, [3]string{"a", "AWSPREVIOUS", "-"}},
		{"version alone is sent without a stage", secret.Ref{ID: "a", VersionID: "v"}, [3]string{"a", "-", "v"}},
		{"both", secret.Ref{ID: "a", Stage: "S", VersionID: "v"}, [3]string{"a", "S", "v"}},
		{"neither", secret.Ref{ID: "a"}, [3]string{"a", "-", "-"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := &recorder{out: &secretsmanager.GetSecretValueOutput{SecretString: aws.String("s")}}
			s, err := awssm.New(client)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Fetch(t.Context(), c.ref); err != nil {
				t.Fatal(err)
			}
			or := func(s *string) string {
				if s == nil {
					return "-"
				}
				return *s
			}
			if got := [3]string{or(client.in.SecretId), or(client.in.VersionStage), or(client.in.VersionId)}; got != c.want {
				t.Errorf("sent %q, want %q", got, c.want)
			}
		})
	}
}

func TestPayloadOfAnswer(t *testing.T) {
	for _, c := range []struct {
		name   string
		out    *secretsmanager.GetSecretValueOutput
		want   string
		binary bool
		fails  string
	}{
		{name: "string", out: &secretsmanager.GetSecretValueOutput{SecretString: aws.String("s")}, want: "s"},
		{name: "binary", out: &secretsmanager.GetSecretValueOutput{SecretBinary: []byte("\x00b")}, want: "\x00b", binary: true},
		{name: "empty string", out: &secretsmanager.GetSecretValueOutput{SecretString: aws.String("")}},
		{name: "empty binary", out: &secretsmanager.GetSecretValueOutput{SecretBinary: []byte{}}, binary: true},
		{name: "empty binary beside a string", out: &secretsmanager.GetSecretValueOutput{SecretString: aws.String("s"), SecretBinary: []byte{}}, want: "s"},
		{name: "both", out: &secretsmanager.GetSecretValueOutput{SecretString: aws.String("s"), SecretBinary: []byte("b")}, fails: "both"},
		{name: "neither", out: &secretsmanager.GetSecretValueOutput{}, fails: "neither"},
		{name: "no output", out: nil, fails: "neither a secret nor an error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := awssm.New(&recorder{out: c.out})
			if err != nil {
				t.Fatal(err)
			}
			v, err := s.Fetch(t.Context(), current)
			if c.fails != "" {
				if !errors.Is(err, secret.ErrUnavailable) || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("error is %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if v.Payload.Reveal() != c.want || v.Payload.IsBinary() != c.binary {
				t.Errorf("got %q, binary %v", v.Payload.Reveal(), v.Payload.IsBinary())
			}
		})
	}
}

func TestClientsThatCanNotWorkAreRefusedAtOnce(t *testing.T) {
	t.Run("nil", func(t *testing.T) {
		if _, err := awssm.New(nil); err == nil {
			t.Error("no error")
		}
	})
	t.Run("typed nil", func(t *testing.T) {
		if _, err := awssm.New((*secretsmanager.Client)(nil)); err == nil {
			t.Error("no error")
		}
	})
	t.Run("no region", func(t *testing.T) {
		_, err := awssm.New(secretsmanager.New(secretsmanager.Options{}))
		if err == nil || !strings.Contains(err.Error(), "AWS_REGION") {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("zero Source", func(t *testing.T) {
		if _, err := new(awssm.Source).Fetch(t.Context(), current); err == nil {
			t.Error("no error")
		}
		if _, err := (*awssm.Source)(nil).Fetch(t.Context(), current); err == nil {
			t.Error("no error")
		}
	})
}

// embedding overrides the one method that is called, as people write fakes.
type embedding struct{ *secretsmanager.Client }

func (embedding) GetSecretValue(
	context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options),
) (*secretsmanager.GetSecretValueOutput, error) {
	return &secretsmanager.GetSecretValueOutput{SecretString: aws.String("s")}, nil
}

func TestClientsThatEmbedTheSDKsWork(t *testing.T) {
	for name, client := range map[string]awssm.Client{
		"nothing inside":  embedding{},
		"by pointer":      &embedding{},
		"no region there": embedding{secretsmanager.New(secretsmanager.Options{})},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := awssm.New(client)
			if err != nil {
				t.Fatal(err)
			}
			if v, err := s.Fetch(t.Context(), current); err != nil || v.Payload.Reveal() != "s" {
				t.Errorf("got %v, %v", v, err)
			}
		})
	}
}

func TestCancelledContext(t *testing.T) {
	srv := secrettest.New(t)
	srv.Seed(t, "prod/db", "s")
	srv.Fail(t, secrettest.Fault{Effect: secrettest.Hang()})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for srv.Calls() == 0 {
			runtime.Gosched()
		}
		cancel()
	}()
	_, err := newSource(t, srv.URL()).Fetch(ctx, current)
	if !errors.Is(err, context.Canceled) || errors.Is(err, secret.ErrTimeout) || errors.Is(err, secret.ErrUnavailable) {
		t.Errorf("error is %v", err)
	}
}

func TestDeadlineWhileTheBodyIsRead(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		fmt.Fprint(w, `{"SecretString":"`)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := newSource(t, srv.URL).Fetch(ctx, current)
	if !errors.Is(err, secret.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
}

// TestValueKeepsNothingOfTheResponse compares what a Value holds with its own
// bytes: the AWS Go caching client holds 13.6 kB for a secret of 97, since the
// ResultMetadata that it keeps leads to the http.Response.
func TestValueKeepsNothingOfTheResponse(t *testing.T) {
	const n, most = 500, 1500
	srv := secrettest.New(t)
	srv.Seed(t, "prod/db", strings.Repeat("s", 97))
	s := newSource(t, srv.URL())
	values := make([]secret.Value, n)
	fetch := func(i int) {
		v, err := s.Fetch(t.Context(), current)
		if err != nil {
			t.Fatal(err)
		}
		values[i] = v
	}
	fetch(0) // what the client itself keeps
	srv.ResetCalls()
	before := heap()
	for i := range values {
		fetch(i)
	}
	srv.ResetCalls()
	perValue := (int64(heap()) - int64(before)) / n
	t.Logf("%d bytes a value", perValue)
	if perValue > most {
		t.Errorf("a value of a 97-byte secret holds %d bytes, want at most %d", perValue, most)
	}
	runtime.KeepAlive(values)
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkFetch(b *testing.B) {
	srv := secrettest.New(b)
	srv.Seed(b, "prod/db", strings.Repeat("s", 97))
	s := newSource(b, srv.URL())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Fetch(b.Context(), current); err != nil {
			b.Fatal(err)
		}
	}
}

func TestSourceIsNoSecret(t *testing.T) {
	s := newSource(t, "http://127.0.0.1:1")
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		if got := fmt.Sprintf(verb, s); strings.Contains(got, secretKey) || strings.Contains(got, sessionToken) {
			t.Errorf("%s shows credentials: %s", verb, got)
		}
	}
	if reflect.TypeFor[awssm.Source]().NumMethod() != 0 {
		t.Error("Source has methods on its value: a copy would be used")
	}
}
