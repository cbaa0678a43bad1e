package awssm_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/internal/version"
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

var current = cache.Ref{ID: "prod/db", Stage: "AWSCURRENT"}

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
		ref  cache.Ref
		want [3]string // ID, stage, version
	}{
		{"stage", cache.Ref{ID: "a", Stage: "AWSPREVIOUS"}, [3]string{"a", "AWSPREVIOUS", "-"}},
		{"version alone is sent without a stage", cache.Ref{ID: "a", VersionID: "v"}, [3]string{"a", "-", "v"}},
		{"both", cache.Ref{ID: "a", Stage: "S", VersionID: "v"}, [3]string{"a", "S", "v"}},
		{"neither", cache.Ref{ID: "a"}, [3]string{"a", "-", "-"}},
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
				if !errors.Is(err, cache.ErrUnavailable) || !strings.Contains(err.Error(), c.fails) {
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

func TestUserAgentNamesTheLibraryOnce(t *testing.T) {
	srv := secrettest.New(t)
	srv.Seed(t, "prod/db", "s")
	s := newSource(t, srv.URL())
	for range 2 {
		if _, err := s.Fetch(t.Context(), current); err != nil {
			t.Fatal(err)
		}
	}
	requests := srv.Requests()
	for _, r := range requests[len(requests)-2:] {
		if strings.Count(r.UserAgent, "typedsecret/"+version.Version) != 1 || !strings.Contains(r.UserAgent, "aws-sdk-go-v2/") {
			t.Errorf("user agent is %q", r.UserAgent)
		}
	}
}

// patient is a client set up to try as often as it can.
func patient(o *secretsmanager.Options) {
	o.RetryMaxAttempts = 10
	o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = 10
		o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
	})
}

func TestOneFetchIsOneRequest(t *testing.T) {
	for _, c := range []struct {
		name   string
		effect secrettest.Effect
		want   error
		calls  int
	}{
		{"success", secrettest.Effect{}, nil, 1},
		{"500", secrettest.InternalError(), cache.ErrUnavailable, 1},
		{"503", secrettest.Unavailable(), cache.ErrUnavailable, 1},
		{"throttling", secrettest.Throttling(), cache.ErrThrottled, 1},
		{"access denied", secrettest.AccessDenied(), cache.ErrAccessDenied, 1},
		{"decryption failure", secrettest.DecryptionFailure(), cache.ErrDecryption, 1},
		{"dropped connection", secrettest.DropConnection(), cache.ErrUnavailable, 1},
		{"dropped after the headers", secrettest.DropAfterHeaders(), cache.ErrUnavailable, 1},
		{"truncated body", secrettest.TruncateBody(), cache.ErrUnavailable, 1},
		{"corrupt body", secrettest.CorruptBody(), cache.ErrUnavailable, 1},
		{"wrong types", secrettest.WrongTypes(), cache.ErrUnavailable, 1},
		{"hang", secrettest.Hang(), cache.ErrTimeout, 1},
		{"clock five minutes and a half ahead", secrettest.ClockSkew(330 * time.Second), nil, 2},
		{"clock an hour behind", secrettest.ClockSkew(-time.Hour), nil, 2},
	} {
		for _, client := range []struct {
			name   string
			change func(*secretsmanager.Options)
		}{
			{"the SDK's defaults", func(*secretsmanager.Options) {}},
			{"ten attempts", patient},
			{"adaptive mode", func(o *secretsmanager.Options) { o.Retryer = retry.NewAdaptiveMode() }},
			{"maximum of attempts", func(o *secretsmanager.Options) { o.RetryMaxAttempts = 7 }},
		} {
			t.Run(c.name+"/"+client.name, func(t *testing.T) {
				t.Parallel()
				srv := secrettest.New(t)
				srv.Seed(t, "prod/db", "s")
				s := newSource(t, srv.URL(), client.change)
				// A connection is kept alive, as in a long-lived service.
				if _, err := s.Fetch(t.Context(), current); err != nil {
					t.Fatal(err)
				}
				srv.ResetCalls()
				if c.name != "success" {
					srv.Fail(t, secrettest.Fault{Effect: c.effect})
				}
				ctx := t.Context()
				if c.want == cache.ErrTimeout {
					short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
					defer cancel()
					ctx = short
				}
				_, err := s.Fetch(ctx, current)
				if !errors.Is(err, c.want) {
					t.Errorf("error is %v, want %v", err, c.want)
				}
				if got := srv.Calls(); got != c.calls {
					t.Errorf("%d requests on the wire, want %d", got, c.calls)
				}
			})
		}
	}
}

func TestClockSkewIsLearntOnce(t *testing.T) {
	srv := secrettest.New(t)
	srv.Seed(t, "prod/db", "s")
	s := newSource(t, srv.URL())
	srv.Fail(t, secrettest.Fault{Effect: secrettest.ClockSkew(time.Hour)})
	srv.ResetCalls()
	for i, want := range []int{2, 3, 4} {
		if _, err := s.Fetch(t.Context(), current); err != nil {
			t.Fatal(err)
		}
		if got := srv.Calls(); got != want {
			t.Fatalf("after fetch %d there were %d requests, want %d", i+1, got, want)
		}
	}
}

// TestSkewThatStays is about a refusal that signing by the service's clock does
// not cure: two requests and no more.
func TestSkewThatStays(t *testing.T) {
	var calls atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := calls.Add(1)
		// The service's clock leaps, so that no correction fits.
		w.Header().Set("Date", time.Now().Add(time.Duration(n)*time.Hour).UTC().Format(http.TimeFormat))
		answerError(w, 400, "InvalidSignatureException", "Signature expired")
	}))
	defer srv.Close()
	_, err := newSource(t, srv.URL, patient).Fetch(t.Context(), current)
	if !errors.Is(err, cache.ErrAccessDenied) || !strings.Contains(err.Error(), "clock") {
		t.Errorf("error is %v", err)
	}
	if n := calls.Load(); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

// TestDeadIdleConnection: net/http resends a request on a connection that died
// while idle only if it can rewind the body.
func TestDeadIdleConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var requests, killed atomic.Int32
	var wg sync.WaitGroup
	defer wg.Wait()
	defer l.Close()
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				r := bufio.NewReader(conn)
				for n := 0; ; n++ {
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, req.Body)
					requests.Add(1)
					if n == 1 {
						killed.Add(1) // the kept-alive connection dies of its second request
						return
					}
					body := `{"SecretString":"s","VersionId":"v"}`
					fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
				}
			})
		}
	})

	hc := &http.Client{Transport: &http.Transport{}}
	defer hc.CloseIdleConnections()
	s := newSource(t, "http://"+l.Addr().String(), patient, func(o *secretsmanager.Options) { o.HTTPClient = hc })
	// Whether a connection is kept alive in time is a race inside net/http.
	for range 100 {
		before := requests.Load()
		_, err := s.Fetch(t.Context(), current)
		if n := requests.Load() - before; n != 1 {
			t.Fatalf("a fetch made %d requests", n)
		}
		if killed.Load() > 0 {
			if !errors.Is(err, cache.ErrUnavailable) {
				t.Errorf("error is %v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("no connection was used twice")
}

func TestCancelledContext(t *testing.T) {
	srv := secrettest.New(t)
	srv.Seed(t, "prod/db", "s")
	srv.Fail(t, secrettest.Fault{Effect: secrettest.Hang()})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err := newSource(t, srv.URL()).Fetch(ctx, current)
	if !errors.Is(err, context.Canceled) || errors.Is(err, cache.ErrTimeout) || errors.Is(err, cache.ErrUnavailable) {
		t.Errorf("error is %v", err)
	}
}

func TestDeadlineWhileTheBodyIsRead(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		fmt.Fprint(w, `{"SecretString":"`)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	defer srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := newSource(t, srv.URL).Fetch(ctx, current)
	if !errors.Is(err, cache.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
}

func TestFromEnvironment(t *testing.T) {
	t.Run("endpoint, region and credentials of the environment", func(t *testing.T) {
		srv := secrettest.New(t)
		srv.Seed(t, "prod/db", "s")
		srv.Setenv(t)
		s, err := awssm.FromEnvironment(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if v, err := s.Fetch(t.Context(), current); err != nil || v.Payload.Reveal() != "s" {
			t.Errorf("got %v, %v", v, err)
		}
	})
	t.Run("general endpoint", func(t *testing.T) {
		srv := secrettest.New(t)
		srv.Seed(t, "prod/db", "s")
		bareEnvironment(t)
		t.Setenv("AWS_ENDPOINT_URL", srv.URL())
		t.Setenv("AWS_ACCESS_KEY_ID", accessKey)
		t.Setenv("AWS_SECRET_ACCESS_KEY", secretKey)
		// With an endpoint the SDK needs no region to find the service.
		s, err := awssm.FromEnvironment(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Fetch(t.Context(), current); err != nil {
			t.Error(err)
		}
	})
	t.Run("no region", func(t *testing.T) {
		bareEnvironment(t)
		_, err := awssm.FromEnvironment(t.Context())
		if err == nil || !strings.Contains(err.Error(), "AWS_REGION") {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("region by an option", func(t *testing.T) {
		bareEnvironment(t)
		if _, err := awssm.FromEnvironment(t.Context(), config.WithRegion("eu-west-1")); err != nil {
			t.Error(err)
		}
	})
	t.Run("no such profile", func(t *testing.T) {
		bareEnvironment(t)
		t.Setenv("AWS_PROFILE", "nobody")
		_, err := awssm.FromEnvironment(t.Context())
		if err == nil || !strings.Contains(err.Error(), `"nobody"`) {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("no credentials", func(t *testing.T) {
		bareEnvironment(t)
		t.Setenv("AWS_REGION", "eu-west-1")
		s, err := awssm.FromEnvironment(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Fetch(t.Context(), current)
		if !errors.Is(err, cache.ErrAccessDenied) || !strings.Contains(err.Error(), "AWS_ACCESS_KEY_ID") {
			t.Errorf("error is %v", err)
		}
		t.Log(err)
	})
}

// bareEnvironment hides what the machine has configured.
func bareEnvironment(t *testing.T) {
	for _, name := range []string{
		"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
		"AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ROLE_ARN",
		"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
	} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
}

// TestValueKeepsNothingOfTheResponse compares what a Value holds with its own
// bytes: the AWS Go caching client holds 13.6 kB for a secret of 97, since the
// ResultMetadata that it keeps leads to the http.Response.
func TestValueKeepsNothingOfTheResponse(t *testing.T) {
	const n, most = 500, 1500
	srv := secrettest.New(t)
	srv.Seed(t, "prod/db", strings.Repeat("s", 97))
	s := newSource(t, srv.URL())
	values := make([]cache.Value, n)
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
