package awssm_test

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/secret"
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
		if !errors.Is(err, secret.ErrUnavailable) || !strings.Contains(err.Error(), "AWS_ACCESS_KEY_ID") {
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
		"AWS_CA_BUNDLE",
	} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
}

func TestConfigurationThatCanNotWorkIsNamedAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		says string
	}{
		"FIPS that is no bool":       {map[string]string{"AWS_USE_FIPS_ENDPOINT": "yes"}, "AWS_USE_FIPS_ENDPOINT"},
		"dual-stack that is no bool": {map[string]string{"AWS_USE_DUALSTACK_ENDPOINT": "1x"}, "AWS_USE_DUALSTACK_ENDPOINT"},
		"attempts that are no count": {map[string]string{"AWS_MAX_ATTEMPTS": "abc"}, "AWS_MAX_ATTEMPTS"},
		"no such retry mode":         {map[string]string{"AWS_RETRY_MODE": "abc"}, "AWS_RETRY_MODE"},
		"region with its line's end": {map[string]string{"AWS_REGION": "eu-west-1\n"}, `"eu-west-1\n"`},
		"region with a space":        {map[string]string{"AWS_REGION": "eu west 1"}, "AWS_REGION"},
		"endpoint without a scheme":  {map[string]string{"AWS_ENDPOINT_URL": "localhost:4566"}, "http://localhost:4566"},
		"endpoint that is no URL":    {map[string]string{"AWS_ENDPOINT_URL_SECRETS_MANAGER": "::::"}, "AWS_ENDPOINT_URL_SECRETS_MANAGER"},
	} {
		t.Run(name, func(t *testing.T) {
			bareEnvironment(t)
			t.Setenv("AWS_REGION", "eu-west-1")
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			_, err := awssm.FromEnvironment(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error is %v", err)
			}
		})
	}
}

// hosts is an HTTP client that notes where requests would go and sends none.
type hosts []string

func (h *hosts) Do(r *http.Request) (*http.Response, error) {
	*h = append(*h, r.URL.Host)
	return nil, errors.New("not sent")
}

func TestAMachineWithoutCredentialsIsToldWhatToSet(t *testing.T) {
	bareEnvironment(t)
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")
	once := config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} })
	s, err := awssm.FromEnvironment(t.Context(), once)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Fetch(t.Context(), current)
	if !errors.Is(err, secret.ErrUnavailable) || !strings.Contains(err.Error(), "AWS_ACCESS_KEY_ID") {
		t.Errorf("error is %v", err)
	}
}

func TestABundleThatTheClientCanNotTakeIsNamed(t *testing.T) {
	bareEnvironment(t)
	bundle := filepath.Join(t.TempDir(), "bundle.pem")
	t.Setenv("AWS_CA_BUNDLE", bundle)
	_, err := awssm.FromEnvironment(t.Context())
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), bundle) {
		t.Errorf("error is %v", err)
	}
	if err := os.WriteFile(bundle, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = awssm.FromEnvironment(t.Context(), config.WithHTTPClient(&http.Client{}))
	if err == nil || !strings.Contains(err.Error(), "AWS_CA_BUNDLE") {
		t.Errorf("error is %v", err)
	}
}

func TestFIPSAndDualStackAreLeftToTheSDK(t *testing.T) {
	for _, variable := range []string{"", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"} {
		t.Run(variable, func(t *testing.T) {
			bareEnvironment(t)
			t.Setenv("AWS_REGION", "us-east-1")
			t.Setenv("AWS_ACCESS_KEY_ID", accessKey)
			t.Setenv("AWS_SECRET_ACCESS_KEY", secretKey)
			if variable != "" {
				t.Setenv(variable, "true")
			}
			var ours, theirs hosts
			s, err := awssm.FromEnvironment(t.Context(), config.WithHTTPClient(&ours))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Fetch(t.Context(), current); err == nil {
				t.Error("no error")
			}
			cfg, err := config.LoadDefaultConfig(t.Context(), config.WithHTTPClient(&theirs), config.WithRetryMaxAttempts(1))
			if err != nil {
				t.Fatal(err)
			}
			in := &secretsmanager.GetSecretValueInput{SecretId: aws.String("s")}
			if _, err := secretsmanager.NewFromConfig(cfg).GetSecretValue(t.Context(), in); err == nil {
				t.Error("no error")
			}
			if diff := cmp.Diff(theirs, ours); len(ours) != 1 || diff != "" {
				t.Errorf("asked hosts (-SDK +ours):\n%s", diff)
			}
			if isFIPS := strings.Contains(ours[0], "fips"); isFIPS != (variable == "AWS_USE_FIPS_ENDPOINT") {
				t.Errorf("asked %v", ours)
			}
		})
	}
}

func TestTheSDKLogsNothing(t *testing.T) {
	srv := secrettest.New(t)
	srv.Seed(t, "prod/db", "s")
	srv.Setenv(t)
	log, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stderr
	os.Stderr = log
	defer func() { os.Stderr = before }()
	s, err := awssm.FromEnvironment(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, effect := range []secrettest.Effect{secrettest.TruncateBody(), secrettest.DropAfterHeaders()} {
		stop := srv.Fail(t, secrettest.Fault{Effect: effect})
		if _, err := s.Fetch(t.Context(), current); err == nil {
			t.Error("no error")
		}
		stop()
	}
	if data, err := os.ReadFile(log.Name()); len(data) > 0 || err != nil {
		t.Errorf("it logged %q, %v", data, err)
	}
}
