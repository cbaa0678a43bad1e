package secrettest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/secrettest"
)

func get(ctx context.Context, c *secretsmanager.Client, id string) error {
	_, err := c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &id})
	return err
}

// both runs a test over a socket and in memory.
func both(t *testing.T, f func(t *testing.T, s *secrettest.Server, c *secretsmanager.Client)) {
	t.Run("socket", func(t *testing.T) { s := secrettest.New(t); f(t, s, client(t, s)) })
	t.Run("memory", func(t *testing.T) { s := secrettest.New(t); f(t, s, memory(s)) })
}

func TestErrorsThatTheServiceAnswers(t *testing.T) {
	for _, row := range []struct {
		effect  secrettest.Effect
		status  int
		code    string
		message string
	}{
		{secrettest.Throttling(), 400, "ThrottlingException", "Rate exceeded"},
		{secrettest.InternalError(), 500, "InternalServiceError", ""},
		{secrettest.Unavailable(), 503, "ServiceUnavailableException", ""},
		{secrettest.DecryptionFailure(), 400, "DecryptionFailure", ""},
		{
			secrettest.AccessDenied(), 400, "AccessDeniedException",
			"User: arn:aws:iam::123456789012:user/secrettest is not authorized to perform: secretsmanager:GetSecretValue" +
				" on resource: s because no identity-based policy allows the secretsmanager:GetSecretValue action",
		},
		{secrettest.Respond(418, "Teapot", "short and stout"), 418, "Teapot", "short and stout"},
	} {
		t.Run(row.effect.String(), func(t *testing.T) {
			both(t, func(t *testing.T, s *secrettest.Server, c *secretsmanager.Client) {
				s.Seed(t, "s", "sesame")
				stop := s.Fail(t, secrettest.Fault{Effect: row.effect})
				err := get(ctx, c, "s")
				wantError(t, err, row.code, row.message)
				var resp interface{ HTTPStatusCode() int }
				if !errors.As(err, &resp) || resp.HTTPStatusCode() != row.status {
					t.Errorf("%v, want status %d", err, row.status)
				}
				stop()
				if err := get(ctx, c, "s"); err != nil {
					t.Errorf("after stop: %v", err)
				}
			})
		})
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for _, effect := range []secrettest.Effect{
		secrettest.DropConnection(), secrettest.DropAfterHeaders(), secrettest.TruncateBody(),
		secrettest.CorruptBody(), secrettest.WrongTypes(),
	} {
		t.Run(effect.String(), func(t *testing.T) {
			both(t, func(t *testing.T, s *secrettest.Server, c *secretsmanager.Client) {
				s.Seed(t, "s", "sesame")
				s.Fail(t, secrettest.Fault{Times: 1, Effect: effect})
				if err := get(ctx, c, "s"); err == nil {
					t.Error("no error")
				}
				if err := get(ctx, c, "s"); err != nil {
					t.Errorf("the next: %v", err)
				}
				if n := s.Calls(); n != 2 {
					t.Errorf("%d requests on the wire, want 2", n)
				}
			})
		})
	}
}

// TestWhereAnAnswerBreaks looks at the wire, since the SDK's errors don't show the place.
func TestWhereAnAnswerBreaks(t *testing.T) {
	for _, row := range []struct {
		effect  secrettest.Effect
		headers bool
		body    string // the beginning of the body that arrives
	}{
		{secrettest.DropConnection(), false, ""},
		{secrettest.DropAfterHeaders(), true, ""},
		{secrettest.TruncateBody(), true, `{"ARN":"arn:aws:`},
	} {
		t.Run(row.effect.String(), func(t *testing.T) {
			both(t, func(t *testing.T, s *secrettest.Server, _ *secretsmanager.Client) {
				s.Seed(t, "s", "sesame")
				s.Fail(t, secrettest.Fault{Effect: row.effect})
				hc, url := s.Client(), "http://x/"
				if strings.HasSuffix(t.Name(), "socket") {
					hc, url = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, s.URL()
				}
				req, _ := http.NewRequest(http.MethodPost, url, strings.NewReader(`{"SecretId":"s"}`))
				req.Header.Set("X-Amz-Target", "secretsmanager.GetSecretValue")
				req.Header.Set("Content-Type", "application/x-amz-json-1.1")
				req.Header.Set("Authorization", "x")
				resp, err := hc.Do(req)
				if (err == nil) != row.headers {
					t.Fatalf("response %v, error %v", resp, err)
				}
				if err != nil {
					return
				}
				defer resp.Body.Close()
				b, err := io.ReadAll(resp.Body)
				if !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("reading the body: %v", err)
				}
				if int64(len(b)) >= resp.ContentLength || !strings.HasPrefix(string(b), row.body) || row.body == "" && len(b) > 0 {
					t.Errorf("%d of %d bytes: %s", len(b), resp.ContentLength, b)
				}
			})
		})
	}
}

func TestADroppedWriteHasTakenEffect(t *testing.T) {
	s := secrettest.New(t)
	c := memory(s)
	s.Fail(t, secrettest.Fault{Times: 1, Effect: secrettest.DropConnection()})
	if _, err := c.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String("s")}); err == nil {
		t.Fatal("no error")
	}
	if _, err := c.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String("s")}); err != nil {
		t.Error(err)
	}
}

func TestFaultsHitWhatTheyName(t *testing.T) {
	s := secrettest.New(t)
	arn := s.Seed(t, "s", "sesame")
	s.Seed(t, "other", "sesame")
	c := client(t, s)
	stop := s.Fail(t, secrettest.Fault{Operation: "GetSecretValue", SecretID: arn, Effect: secrettest.Throttling()})
	if get(ctx, c, "s") == nil {
		t.Error("a fault for the ARN does not hit the name")
	}
	if err := get(ctx, c, "other"); err != nil {
		t.Errorf("another secret: %v", err)
	}
	if _, err := c.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String("s")}); err != nil {
		t.Errorf("another operation: %v", err)
	}
	stop()

	s.Fail(t, secrettest.Fault{Skip: 2, Times: 3, Effect: secrettest.InternalError()})
	var hits strings.Builder
	for range 7 {
		if get(ctx, c, "s") == nil {
			hits.WriteByte('.')
		} else {
			hits.WriteByte('x')
		}
	}
	if hits.String() != "..xxx.." {
		t.Errorf("hit %s", hits.String())
	}
}

func TestTheSDKRetriesAreCounted(t *testing.T) {
	s := secrettest.New(t)
	s.Seed(t, "s", "sesame")
	s.Fail(t, secrettest.Fault{Times: 2, Effect: secrettest.Throttling()})
	o := options(s)
	o.RetryMaxAttempts = 3
	o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = time.Millisecond })
	if err := get(ctx, secretsmanager.New(o), "s"); err != nil {
		t.Fatal(err)
	}
	if n := s.Calls("GetSecretValue"); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
}

func TestClockSkewIsCorrectedByTheSDK(t *testing.T) {
	for skew, want := range map[time.Duration]string{time.Hour: "Signature expired: ", -time.Hour: "Signature not yet current: "} {
		t.Run(skew.String(), func(t *testing.T) {
			both(t, func(t *testing.T, s *secrettest.Server, c *secretsmanager.Client) {
				s.Seed(t, "s", "sesame")
				s.Fail(t, secrettest.Fault{Effect: secrettest.ClockSkew(skew)})
				err := get(ctx, c, "s")
				wantError(t, err, "InvalidSignatureException", "")
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v, want %s", err, want)
				}
				retrying := secretsmanager.New(c.Options(), func(o *secretsmanager.Options) {
					o.RetryMaxAttempts = 3
					o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = time.Millisecond })
				})
				if err := get(ctx, retrying, "s"); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// arrived waits until that many requests have reached s.
func arrived(s *secrettest.Server, requests int) {
	for s.Calls() < requests {
		runtime.Gosched()
	}
}

func TestHang(t *testing.T) {
	both(t, func(t *testing.T, s *secrettest.Server, c *secretsmanager.Client) {
		s.Seed(t, "s", "sesame")
		stop := s.Fail(t, secrettest.Fault{Effect: secrettest.Hang()})
		done := make(chan error)
		leaving, leave := context.WithCancel(ctx)
		go func() { done <- get(leaving, c, "s") }()
		arrived(s, 1)
		leave()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("error = %v", err)
		}
		go func() { done <- get(ctx, c, "s") }()
		arrived(s, 2)
		stop()
		if err := <-done; err != nil {
			t.Errorf("after stop: %v", err)
		}
		s.Fail(t, secrettest.Fault{Effect: secrettest.Hang()})
		go func() { done <- get(ctx, c, "s") }()
		arrived(s, 3)
		s.Close()
		if err := <-done; err == nil {
			t.Error("no error from a closed server")
		}
	})
}

func TestABatchReportsFaultsPerSecret(t *testing.T) {
	s := secrettest.New(t)
	for _, name := range []string{"a", "b", "c"} {
		s.Seed(t, name, "sesame")
	}
	s.Fail(t, secrettest.Fault{SecretID: "a", Effect: secrettest.AccessDenied()})
	s.Fail(t, secrettest.Fault{Operation: "GetSecretValue", SecretID: "b", Effect: secrettest.DecryptionFailure()})
	c := memory(s)
	batch := &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{"a", "b", "c"}}
	out, err := c.BatchGetSecretValue(ctx, batch)
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]string{}
	for _, e := range out.Errors {
		codes[*e.SecretId] = *e.ErrorCode
	}
	if len(codes) != 2 || codes["a"] != "AccessDeniedException" || codes["b"] != "DecryptionFailure" || len(out.SecretValues) != 1 {
		t.Errorf("errors %v, %d values", codes, len(out.SecretValues))
	}
	s.Fail(t, secrettest.Fault{Operation: "BatchGetSecretValue", Effect: secrettest.AccessDenied()})
	_, err = c.BatchGetSecretValue(ctx, batch)
	wantError(t, err, "AccessDeniedException", "")
	if !strings.Contains(err.Error(), "secretsmanager:BatchGetSecretValue action") {
		t.Error(err)
	}
}

// TestVirtualTime uses the SDK's client in a bubble. A latency of a minute, a hang and the
// SDK's own retries take no real time.
func TestVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := secrettest.New(t)
		s.Seed(t, "s", "sesame")
		o := options(s)
		o.RetryMaxAttempts = 3
		c := secretsmanager.New(o)

		s.Fail(t, secrettest.Fault{Times: 1, Latency: time.Minute})
		start := time.Now()
		if err := get(ctx, c, "s"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("a latency of a minute took %v", took)
		}

		s.Fail(t, secrettest.Fault{Times: 2, Effect: secrettest.Throttling()})
		if err := get(ctx, c, "s"); err != nil {
			t.Errorf("retried: %v", err)
		}

		s.Fail(t, secrettest.Fault{Effect: secrettest.Hang()})
		limited, cancel := context.WithTimeout(ctx, time.Hour)
		defer cancel()
		start = time.Now()
		if err := get(limited, c, "s"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a hang: %v", err)
		}
		if took := time.Since(start); took != time.Hour {
			t.Errorf("a hang with a deadline of an hour took %v", took)
		}
	})
}

func TestFaultsThatMakeNoSense(t *testing.T) {
	s := secrettest.New(t)
	for name, f := range map[string]secrettest.Fault{
		"nothing":           {},
		"unknown operation": {Operation: "GetSecret", Effect: secrettest.Hang()},
		"negative":          {Times: -1, Effect: secrettest.Hang()},
		"negative latency":  {Latency: -1},
		"a success":         {Effect: secrettest.Respond(200, "OK", "")},
		"status 399":        {Effect: secrettest.Respond(399, "X", "")},
		"status 600":        {Effect: secrettest.Respond(600, "X", "")},
		"no status":         {Effect: secrettest.Respond(0, "X", "")},
	} {
		if _, err := s.Inject(f); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
