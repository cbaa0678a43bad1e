package secrettest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/secrettest"
)

func TestSetenvLeadsTheSDKHere(t *testing.T) {
	// With these variables the SDK would fail or call another server.
	t.Setenv("AWS_CA_BUNDLE", "/does/not/exist")
	t.Setenv("AWS_MAX_ATTEMPTS", "many")
	t.Setenv("AWS_RETRY_MODE", "never")
	t.Setenv("AWS_DEFAULTS_MODE", "none")
	t.Setenv("NO_PROXY", "production.invalid")
	t.Setenv("no_proxy", "localhost,production.invalid")
	t.Setenv("AWS_PROFILE", "production")
	t.Setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://production.invalid")
	s := secrettest.New(t)
	s.Seed(t, "s", "sesame")
	s.Setenv(t)
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := get(ctx, secretsmanager.NewFromConfig(cfg), "s"); err != nil {
		t.Fatal(err)
	}
	for _, kv := range s.Env() {
		if k, v, _ := strings.Cut(kv, "="); os.Getenv(k) != v {
			t.Errorf("%s = %q, want %q", k, os.Getenv(k), v)
		}
	}
	for _, k := range []string{"AWS_PROFILE", "AWS_CA_BUNDLE", "AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE", "AWS_DEFAULTS_MODE"} {
		if _, set := os.LookupEnv(k); set {
			t.Errorf("%s is still set", k)
		}
	}
	for k, want := range map[string]string{
		"NO_PROXY": "production.invalid,127.0.0.1,localhost",
		"no_proxy": "localhost,production.invalid,127.0.0.1",
	} {
		if got := os.Getenv(k); got != want {
			t.Errorf("%s = %s, want %s", k, got, want)
		}
	}
	r := s.Requests()
	if len(r) != 1 || r[0].Operation != "GetSecretValue" || r[0].SecretIDs[0] != "s" || !strings.Contains(r[0].UserAgent, "aws-sdk-go-v2") {
		t.Errorf("Requests = %+v", r)
	}
	s.ResetCalls()
	if s.Calls() != 0 || len(s.Requests()) != 0 {
		t.Error("ResetCalls leaves something")
	}
}

// TestNothingPrintsASecret prints everything that the package exports, in every way, and
// looks for each piece of the value.
func TestNothingPrintsASecret(t *testing.T) {
	const value = "open-Sesame-zyxwvutsr"
	s := secrettest.New(t)
	s.Seed(t, "s", value)
	s.SeedBinary(t, "b", []byte(value))
	s.Rotate(t, "s", value+"!")
	stop, err := s.Inject(secrettest.Fault{SecretID: "s", Times: 1, Effect: secrettest.CorruptBody()})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	_ = get(ctx, memory(s), "s")
	_ = get(ctx, memory(s), "b")

	var out strings.Builder
	for _, v := range []any{
		s, *s,
		[]*secrettest.Server{s},
		struct{ S secrettest.Server }{*s},
		map[string]any{"s": s},
		&struct{ s *secrettest.Server }{s},
		struct{ s secrettest.Server }{*s},
		s.Requests(), s.Client(), s.Transport(),
		secrettest.Fault{Effect: secrettest.Throttling()},
		secrettest.Throttling(),
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%p"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		if b, err := json.Marshal(v); err == nil {
			out.Write(b)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
	}
	for i := range len(value) - 4 {
		if piece := value[i : i+4]; strings.Contains(out.String(), piece) || strings.Contains(out.String(), fmt.Sprintf("%x", piece)) {
			t.Fatalf("%q is printed", piece)
		}
	}
	for _, verb := range []string{"%v", "%#v", "%d"} {
		if got := fmt.Sprintf(verb, s); got != "secrettest.Server(in memory, 2 secrets)" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

func TestNoProxyStandsBetween(t *testing.T) {
	// Programs read both spellings, and differ in which one they prefer.
	for _, row := range []struct{ upper, lower, want string }{
		{"", "", "NO_PROXY=127.0.0.1,localhost"},
		{"", "a.invalid", "NO_PROXY=a.invalid,127.0.0.1,localhost no_proxy=a.invalid,127.0.0.1,localhost"},
		{"a.invalid", "", "NO_PROXY=a.invalid,127.0.0.1,localhost"},
		{"127.0.0.1, localhost", "", "NO_PROXY=127.0.0.1, localhost"},
	} {
		t.Setenv("NO_PROXY", row.upper)
		t.Setenv("no_proxy", row.lower)
		var got []string
		for _, kv := range secrettest.New(t).Env() {
			if k, _, _ := strings.Cut(kv, "="); strings.EqualFold(k, "NO_PROXY") {
				got = append(got, kv)
			}
		}
		if strings.Join(got, " ") != row.want {
			t.Errorf("got %q, want %s", got, row.want)
		}
	}
}

// TestACABundleThatIsThereStays, since boto3 refuses an empty AWS_CA_BUNDLE.
func TestACABundleThatIsThereStays(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bundle.pem")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{file: false, "/does/not/exist": true} {
		t.Setenv("AWS_CA_BUNDLE", path)
		if got := slices.Contains(secrettest.New(t).Env(), "AWS_CA_BUNDLE="); got != want {
			t.Errorf("AWS_CA_BUNDLE=%s: emptied %v, want %v", path, got, want)
		}
	}
}

func TestAClosedServerAnswersNobody(t *testing.T) {
	both(t, func(t *testing.T, s *secrettest.Server, c *secretsmanager.Client) {
		s.Seed(t, "s", "sesame")
		if err := get(ctx, c, "s"); err != nil {
			t.Fatal(err)
		}
		s.Close()
		err := get(ctx, c, "s")
		if err == nil {
			t.Error("no error")
		}
		// Over the socket, the error may also be the end of an open connection.
		if strings.HasSuffix(t.Name(), "memory") && !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("error = %v, want a refused connection", err)
		}
		w := httptest.NewRecorder()
		func() {
			defer func() { _ = recover() }()
			s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}")))
		}()
		if w.Body.Len() > 0 {
			t.Error("ServeHTTP answers")
		}
		if n := s.Calls(); n != 1 {
			t.Errorf("%d requests reached the server, want 1", n)
		}
	})
}

func TestStartOnAnAddressInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if s, err := secrettest.Start(secrettest.Config{Addr: l.Addr().String()}); err == nil {
		s.Close()
		t.Error("no error")
	}
}

func TestConfigThatMakesNoSense(t *testing.T) {
	for name, cfg := range map[string]secrettest.Config{
		"a region in capitals":    {Region: "EU"},
		"a region with a quote":   {Region: "us-east-1'"},
		"an account of letters":   {Account: "my-account"},
		"an account of 11 digits": {Account: "12345678901"},
	} {
		if s, err := secrettest.Start(cfg); err == nil {
			s.Close()
			t.Errorf("%s: no error", name)
		}
	}
}

func TestAServerOnAllAddressesGivesOneToReachItBy(t *testing.T) {
	for _, addr := range []string{":0", "0.0.0.0:0"} {
		s, err := secrettest.Start(secrettest.Config{Addr: addr})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		s.Seed(t, "s", "v")
		if !strings.HasPrefix(s.URL(), "http://127.0.0.1:") {
			t.Errorf("the URL is %s", s.URL())
		}
		if err := get(ctx, client(t, s), "s"); err != nil {
			t.Error(err)
		}
	}
}

func TestRegionAndAccount(t *testing.T) {
	for region, want := range map[string]string{
		"eu-central-1": "arn:aws:secretsmanager:eu-central-1:000000000042:secret:s-",
		"cn-north-1":   "arn:aws-cn:secretsmanager:cn-north-1:000000000042:secret:s-",
	} {
		s, err := secrettest.Start(secrettest.Config{Region: region, Account: "000000000042"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		if arn := s.Seed(t, "s", "v"); !strings.HasPrefix(arn, want) {
			t.Errorf("ARN = %s", arn)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	s := secrettest.New(t)
	s.Seed(t, "s", "v")
	c := client(t, s)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 10 {
				s.Rotate(t, "s", fmt.Sprint(i, j))
				stop := s.Fail(t, secrettest.Fault{Times: 1, Effect: secrettest.Throttling()})
				_ = get(ctx, c, "s")
				stop()
				if _, err := c.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: new("s")}); err != nil && !strings.Contains(err.Error(), "Throttling") {
					t.Error(err)
				}
				_, _, _ = s.Calls(), s.Requests(), s.String()
			}
		})
	}
	wg.Wait()
	if n := s.Calls(); n != 160 {
		t.Errorf("%d requests, want 160", n)
	}
}

// recorder takes the place of a test that fails.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Fatal(...any)          { r.failed = true; panic(r) }
func (r *recorder) Fatalf(string, ...any) { r.failed = true; panic(r) }

func TestHelpersFailTheTestOnMisuse(t *testing.T) {
	s := secrettest.New(t)
	s.Seed(t, "s", "v")
	for name, misuse := range map[string]func(t testing.TB){
		"a name twice":      func(t testing.TB) { s.Seed(t, "s", "v") },
		"a bad name":        func(t testing.TB) { s.Seed(t, "a b", "v") },
		"an empty binary":   func(t testing.TB) { s.SeedBinary(t, "b", nil) },
		"rotate nothing":    func(t testing.TB) { s.Rotate(t, "t", "v") },
		"put without stage": func(t testing.TB) { s.Put(t, "s", "v") },
		"stage an unknown":  func(t testing.TB) { s.Stage(t, "s", "x", v4) },
		"delete nothing":    func(t testing.TB) { s.Delete(t, "t") },
		"an empty fault":    func(t testing.TB) { s.Fail(t, secrettest.Fault{}) },
		"seed not UTF-8":    func(t testing.TB) { s.Seed(t, "latin1", "p\xe4ss") },
		"put not UTF-8":     func(t testing.TB) { s.Put(t, "s", "p\xe4ss", "blue") },
		"rotate not UTF-8":  func(t testing.TB) { s.Rotate(t, "s", "p\xe4ss") },
	} {
		r := &recorder{TB: t}
		func() {
			defer func() { _ = recover() }()
			misuse(r)
		}()
		if !r.failed {
			t.Errorf("%s does not fail the test", name)
		}
	}
	if s.Calls() != 0 {
		t.Error("helpers count as calls")
	}
}
