package awssm_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source"
	"github.com/typedsecret/typedsecret/source/awssm"
)

// regionsAsked is an HTTP client that has every secret, and notes to which host a request goes
// and for which region it is signed.
type regionsAsked struct {
	mu    sync.Mutex
	asked []string
}

func (a *regionsAsked) Do(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential="+accessKey+"/")
	a.asked = append(a.asked, r.URL.Host+" "+strings.Split(scope, "/")[1])
	body := `{"Name":"db","VersionId":"v1","SecretString":"s","ARN":"arn:aws:secretsmanager:us-east-1:123456789012:secret:db-a1B2c3"}`
	return &http.Response{
		StatusCode: http.StatusOK, Request: r, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}},
		Body: io.NopCloser(strings.NewReader(body)),
	}, nil
}

func (a *regionsAsked) want(t *testing.T, want ...string) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	slices.Sort(a.asked)
	if diff := cmp.Diff(want, a.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	a.asked = nil
}

const (
	here  = "secretsmanager.eu-west-1.amazonaws.com eu-west-1"
	there = "secretsmanager.us-east-1.amazonaws.com us-east-1"
	arn   = "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-a1B2c3"
)

// inEurope is a source of eu-west-1 without an endpoint of its own.
func inEurope(t *testing.T, change ...func(*secretsmanager.Options)) (*awssm.Source, *regionsAsked) {
	t.Helper()
	asked := &regionsAsked{}
	o := options("")
	o.BaseEndpoint, o.HTTPClient = nil, asked
	s, err := awssm.New(secretsmanager.New(o, change...))
	if err != nil {
		t.Fatal(err)
	}
	return s, asked
}

func cacheOver(t *testing.T, s secret.Source) typedsecret.Option {
	t.Helper()
	c, err := cache.New(s, cache.Config{MinRefreshInterval: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return typedsecret.WithCache(c)
}

// TestADeclaredARNIsAskedInItsRegion: Secrets Manager of another region does not find it.
func TestADeclaredARNIsAskedInItsRegion(t *testing.T) {
	s, asked := inEurope(t)
	with := cacheOver(t, source.WithPrefix(s, "staging/"))
	handle := typedsecret.New[string](arn, with)
	if _, err := handle.Get(t.Context()); err != nil {
		t.Error(err)
	}
	asked.want(t, there)
	if _, err := handle.Refresh(t.Context()); err != nil {
		t.Error(err)
	}
	asked.want(t, there)
	if _, err := typedsecret.New[string]("db", with).Get(t.Context()); err != nil {
		t.Error(err)
	}
	asked.want(t, here)
	err := typedsecret.Preload(t.Context(), typedsecret.New[string](arn, with, typedsecret.WithStage("AWSPREVIOUS")), typedsecret.New[string](arn[:len(arn)-7], with))
	if err != nil {
		t.Error(err)
	}
	asked.want(t, there, there)
}

// TestAnARNOfAByIDIsAskedThereOnlyIfToldSo: the ID may be a tenant's, who must not choose where
// signed requests go.
func TestAnARNOfAByIDIsAskedThereOnlyIfToldSo(t *testing.T) {
	s, asked := inEurope(t)
	with := cacheOver(t, s)
	plain, told := typedsecret.NewByID[string](with), typedsecret.NewByID[string](with, typedsecret.WithARNRegion())
	const other = "arn:aws:secretsmanager:us-east-1:123456789012:secret:tenants/1-a1B2c3"
	if _, err := plain.Get(t.Context(), other); err != nil {
		t.Error(err)
	}
	if _, err := plain.Secret(other).Refresh(t.Context()); err != nil {
		t.Error(err)
	}
	asked.want(t, here, here)
	if _, err := told.Refresh(t.Context(), other); err != nil {
		t.Error(err)
	}
	if _, err := told.Get(t.Context(), other+"x"); err != nil {
		t.Error(err)
	}
	asked.want(t, there, there)
}

// TestAClientOfAFIPSRegionAsksNoOther: the client would leave the FIPS endpoints.
func TestAClientOfAFIPSRegionAsksNoOther(t *testing.T) {
	for _, region := range []string{"fips-us-west-2", "us-west-2-fips"} {
		s, asked := inEurope(t, func(o *secretsmanager.Options) { o.Region = region })
		with := cacheOver(t, s)
		for _, id := range []string{"db", arn, strings.Replace(arn, "us-east-1", "us-west-2", 1)} {
			if _, err := typedsecret.New[string](id, with).Get(t.Context()); err != nil {
				t.Error(err)
			}
		}
		fips := "secretsmanager-fips.us-west-2.amazonaws.com " + region
		asked.want(t, fips, fips, fips)
	}
}

// TestAnARNOfNoRegionIsAskedOfTheClients, which finds nothing, and says that it is of another.
func TestAnARNOfNoRegionIsAskedOfTheClients(t *testing.T) {
	for _, region := range []string{"eu-west-1.example.com", "eu-west-1#", "US-EAST-1", "..", "user@example", "us-", "us-isob-east-1", "cn-north-1"} {
		s, asked := inEurope(t)
		if _, err := typedsecret.New[string](strings.Replace(arn, "us-east-1", region, 1), cacheOver(t, s)).Get(t.Context()); err != nil {
			t.Errorf("%s: %v", region, err)
		}
		asked.want(t, here)
	}
}

// TestWhereAnEndpointIsSetItIsAskedAlone: an emulator, say, or a VPC endpoint.
func TestWhereAnEndpointIsSetItIsAskedAlone(t *testing.T) {
	for name, change := range map[string]func(*secretsmanager.Options){
		"endpoint": func(o *secretsmanager.Options) {
			o.BaseEndpoint = aws.String("https://secretsmanager.eu-west-1.amazonaws.com")
		},
		"resolver": func(o *secretsmanager.Options) {
			o.EndpointResolverV2 = struct {
				secretsmanager.EndpointResolverV2
			}{secretsmanager.NewDefaultEndpointResolverV2()}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, asked := inEurope(t, change)
			if _, err := typedsecret.New[string](arn, cacheOver(t, s)).Get(t.Context()); err != nil {
				t.Error(err)
			}
			asked.want(t, here)
		})
	}
	s, asked := inEurope(t)
	const chinese = "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:db-a1B2c3"
	for _, id := range []string{chinese, strings.Replace(arn, "us-east-1", "evil.example/", 1), strings.Replace(arn, "us-east-1", "cn-north-1", 1)} {
		_, _ = typedsecret.New[string](id, cacheOver(t, s)).Get(t.Context())
	}
	asked.want(t, here, here, here)
	srv := secrettest.New(t)
	srv.Seed(t, "prod/db", "s")
	own := newSource(t, srv.URL())
	own.Declared(secret.Ref{ID: arn})
	if got := own.Backend(secret.Ref{ID: arn}); got != "" {
		t.Errorf("a client with an endpoint asks %s", got)
	}
}
