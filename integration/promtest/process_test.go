package promtest_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/recipes/promsecret"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/awssm"
)

const (
	password = `Zq7#Kx!9%Wv&3Jh` // no four bytes of it are in a name, a date or an ID
	rotated  = `Yt4~Gb^8$Nf*2Lc`
)

func value(password string) string { return `{"password":"` + password + `"}` }

type creds struct {
	Password string `json:"password"`
}

// A process is a service as Prometheus sees it: an address, behind which a cache reads from a
// fake Secrets Manager.
type process struct {
	*secrettest.Server
	t        *testing.T
	cache    *cache.Cache
	db, http *typedsecret.Secret[creds]
	folder   string // of the sealed file
	instance string // the address
	url      string
}

// newProcess starts a process that has read its two secrets. It has a Set if hasSet.
func newProcess(t *testing.T, manager *secrettest.Server, hasSet bool) *process {
	t.Helper()
	p := &process{Server: manager, t: t, folder: filepath.Join(t.TempDir(), "sealed")}
	must(t, os.Mkdir(p.folder, 0o700))
	block, err := aes.NewCipher(make([]byte, 32))
	must(t, err)
	sealer, err := cipher.NewGCM(block)
	must(t, err)

	client := secretsmanager.New(secretsmanager.Options{
		Region: "us-east-1", HTTPClient: manager.Client(), RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
		}),
	})
	source, err := awssm.New(client)
	must(t, err)
	metrics := promsecret.New("prod/db")
	cfg := cache.Config{Observer: metrics, MinRefreshInterval: -1, Backoff: backoff.Policy{Base: -1}}
	p.cache, err = cache.New(source, cfg.WithSealedFile(filepath.Join(p.folder, "file"), sealer))
	must(t, err)
	t.Cleanup(func() { p.cache.Close() }) // its error may be that of the folder that a test removed
	metrics.Report(p.cache)

	var set typedsecret.Set
	if hasSet {
		metrics.ReportSet(&set)
	}
	opts := []typedsecret.Option{typedsecret.WithCache(p.cache), typedsecret.WithSet(&set), typedsecret.WithRetryBudget(0)}
	p.db = typedsecret.New[creds]("prod/db", opts...)
	p.http = typedsecret.New[creds]("prod/hidden", opts...)
	must(t, set.Preload(t.Context()))

	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(metrics)
	server := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	t.Cleanup(server.Close)
	p.url, p.instance = server.URL+"/metrics", strings.TrimPrefix(server.URL, "http://")
	return p
}

// newManager starts a fake Secrets Manager with two secrets.
func newManager(t *testing.T) *secrettest.Server {
	t.Helper()
	m := secrettest.New(t)
	m.Seed(t, "prod/db", value(password))
	m.Seed(t, "prod/hidden", value(password))
	return m
}

// refresh refreshes both secrets, and returns the error of the first.
func (p *process) refresh() error {
	_, err := p.db.Refresh(p.t.Context())
	_, _ = p.http.Refresh(p.t.Context())
	return err
}

// fails begins an outage, in which the secrets are refreshed.
func (p *process) fails(effect secrettest.Effect) (stop func()) {
	p.t.Helper()
	stop = p.Fail(p.t, secrettest.Fault{Effect: effect})
	if p.refresh() == nil {
		p.t.Errorf("a refresh worked although of %v", effect)
	}
	return stop
}

func (p *process) get() {
	p.t.Helper()
	_, err := p.db.Get(p.t.Context())
	must(p.t, err)
}

func (p *process) invalidate() {
	p.t.Helper()
	must(p.t, p.cache.Invalidate(secret.Ref{ID: "prod/db", Stage: "AWSCURRENT"}))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
