package mototest_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/integration/mototest"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/awssm"
)

type creds struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// newService returns a client that changes secrets, and a cache over the same moto in which
// each forced refresh fetches at once.
func newService(t *testing.T) (*secretsmanager.Client, typedsecret.Option) {
	t.Helper()
	client := mototest.New(t).Client()
	source, err := awssm.New(client)
	must(t, err)
	secrets, err := cache.New(source, cache.Config{MinRefreshInterval: -1})
	must(t, err)
	t.Cleanup(func() { must(t, secrets.Close()) })
	return client, typedsecret.WithCache(secrets)
}

func create(t *testing.T, c *secretsmanager.Client, name, value string) (version string) {
	t.Helper()
	out, err := c.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: &value})
	must(t, err)
	return *out.VersionId
}

func rotate(t *testing.T, c *secretsmanager.Client, id, value string, stages ...string) (version string) {
	t.Helper()
	out, err := c.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{
		SecretId: &id, SecretString: &value, VersionStages: stages,
	})
	must(t, err)
	return *out.VersionId
}

func wantGet[T comparable](t *testing.T, s *typedsecret.Secret[T], want T) {
	t.Helper()
	if got, err := s.Get(t.Context()); err != nil || got != want {
		t.Errorf("Get = %+v, %v; want %+v", got, err, want)
	}
}

func TestARotationIsNoticedByRefresh(t *testing.T) {
	c, with := newService(t)
	create(t, c, "prod/db", `{"username":"app","password":"first"}`)
	s := typedsecret.New[creds]("prod/db", with)
	wantGet(t, s, creds{"app", "first"})
	rotate(t, c, "prod/db", `{"username":"app","password":"second"}`)
	wantGet(t, s, creds{"app", "first"}) // it is cached
	got, err := s.Refresh(t.Context())
	if want := (creds{"app", "second"}); err != nil || got != want {
		t.Errorf("Refresh = %+v, %v; want %+v", got, err, want)
	}
	wantGet(t, s, creds{"app", "second"})
}

func TestStagesAndPinnedVersionsAreRead(t *testing.T) {
	c, with := newService(t)
	one := create(t, c, "s", "one")
	two := rotate(t, c, "s", "two")
	rotate(t, c, "s", "three", "AWSPENDING")
	for stage, want := range map[string]string{"AWSCURRENT": "two", "AWSPREVIOUS": "one", "AWSPENDING": "three"} {
		wantGet(t, typedsecret.New[string]("s", with, typedsecret.WithStage(stage)), want)
	}
	for version, want := range map[string]string{one: "one", two: "two"} {
		wantGet(t, typedsecret.New[string]("s", with, typedsecret.WithVersionID(version)), want)
	}
	_, err := typedsecret.New[string]("s", with, typedsecret.WithStage("blue")).Get(t.Context())
	if !errors.Is(err, secret.ErrNotFound) {
		t.Errorf("a stage that no version bears: %v", err)
	}
}

func TestADeletedSecretIsServedFromTheCacheOnly(t *testing.T) {
	c, with := newService(t)
	create(t, c, "s", "one")
	s := typedsecret.New[string]("s", with)
	wantGet(t, s, "one")
	_, err := c.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: new("s")})
	must(t, err)
	if _, err := s.Refresh(t.Context()); !errors.Is(err, secret.ErrDeleted) {
		t.Errorf("Refresh of a deleted secret: %v", err)
	}
	wantGet(t, s, "one") // the last good value
	_, err = typedsecret.New[string]("s", with, typedsecret.WithStage("AWSPREVIOUS")).Get(t.Context())
	if !errors.Is(err, secret.ErrDeleted) && !errors.Is(err, secret.ErrNotFound) {
		t.Errorf("Get of what is not cached: %v", err)
	}
}

func TestBinarySecretsAreRead(t *testing.T) {
	c, with := newService(t)
	key := "\x00\x9f\xfe\xffkey\r\n"
	_, err := c.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: new("key"), SecretBinary: []byte(key)})
	must(t, err)
	got, err := typedsecret.New[[]byte]("key", with).Get(t.Context())
	if err != nil || string(got) != key {
		t.Errorf("Get = %q, %v; want %q", got, err, key)
	}
}
