package awssm_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/awssm"
)

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
