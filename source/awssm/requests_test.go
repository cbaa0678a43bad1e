package awssm_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/internal/version"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
)

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
		if strings.Count(r.UserAgent, "typedsecret/"+version.Of()) != 1 || !strings.Contains(r.UserAgent, "aws-sdk-go-v2/") {
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
		{"500", secrettest.InternalError(), secret.ErrUnavailable, 1},
		{"503", secrettest.Unavailable(), secret.ErrUnavailable, 1},
		{"throttling", secrettest.Throttling(), secret.ErrThrottled, 1},
		{"access denied", secrettest.AccessDenied(), secret.ErrAccessDenied, 1},
		{"decryption failure", secrettest.DecryptionFailure(), secret.ErrDecryption, 1},
		{"dropped connection", secrettest.DropConnection(), secret.ErrUnavailable, 1},
		{"dropped after the headers", secrettest.DropAfterHeaders(), secret.ErrUnavailable, 1},
		{"truncated body", secrettest.TruncateBody(), secret.ErrUnavailable, 1},
		{"corrupt body", secrettest.CorruptBody(), secret.ErrUnavailable, 1},
		{"wrong types", secrettest.WrongTypes(), secret.ErrUnavailable, 1},
		{"hang", secrettest.Hang(), secret.ErrTimeout, 1},
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
				if c.want == secret.ErrTimeout {
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
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n := calls.Add(1)
		// The service's clock leaps, so that no correction fits.
		w.Header().Set("Date", time.Now().Add(time.Duration(n)*time.Hour).UTC().Format(http.TimeFormat))
		answerError(w, 400, "InvalidSignatureException", "Signature expired")
	})
	_, err := newSource(t, srv.URL, patient).Fetch(t.Context(), current)
	if !errors.Is(err, secret.ErrUnavailable) || !strings.Contains(err.Error(), "clock") {
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
			if !errors.Is(err, secret.ErrUnavailable) {
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

// lateLook is an HTTP client that begins its answer before it has looked for the
// end of the request's body, as net/http does if the service is quick.
type lateLook struct{ looked error }

func (c *lateLook) Do(r *http.Request) (*http.Response, error) {
	head := make([]byte, r.ContentLength)
	if _, err := io.ReadFull(r.Body, head); err != nil {
		return nil, err
	}
	answer := io.MultiReader(readerFunc(func([]byte) (int, error) {
		_, c.looked = io.Copy(io.Discard, r.Body)
		return 0, io.EOF
	}), strings.NewReader(`{"SecretString":"s"}`))
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(answer), Request: r,
	}, nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestAnAnswerThatBeginsEarlyIsReadWhole: what the SDK does with its own body then
// must not reach net/http, which would give the connection up.
func TestAnAnswerThatBeginsEarlyIsReadWhole(t *testing.T) {
	client := &lateLook{}
	s := newSource(t, "http://127.0.0.1:1", func(o *secretsmanager.Options) { o.HTTPClient = client })
	v, err := s.Fetch(t.Context(), current)
	if err != nil || v.Payload.Reveal() != "s" {
		t.Errorf("got %v, %v", v, err)
	}
	if client.looked != nil {
		t.Errorf("looking for the end of the request's body: %v", client.looked)
	}
}
