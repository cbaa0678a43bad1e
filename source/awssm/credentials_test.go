package awssm_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/awssm"
)

// answers is an HTTP client without sockets.
type answers func(r *http.Request) (status int, body string)

func (f answers) Do(r *http.Request) (*http.Response, error) {
	status, body := f(r)
	return &http.Response{
		StatusCode: status, Request: r, Body: readCloser{strings.NewReader(body)},
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "Date": {time.Now().UTC().Format(http.TimeFormat)}},
	}, nil
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

// TestCredentialsAreReadAnewAfterARefusal: another process renews the keys in a file.
func TestCredentialsAreReadAnewAfterARefusal(t *testing.T) {
	for _, code := range []string{"ExpiredTokenException", "UnrecognizedClientException", "InvalidSignatureException"} {
		t.Run(code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bareEnvironment(t)
				file := filepath.Join(t.TempDir(), "credentials")
				t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file)
				t.Setenv("AWS_REGION", "eu-west-1")
				write := func(key string) {
					text := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", key, secretKey)
					if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				good := "AKIDFIRST"
				client := answers(func(r *http.Request) (int, string) {
					if !strings.Contains(r.Header.Get("Authorization"), "Credential="+good+"/") {
						return 400, `{"__type":"` + code + `"}`
					}
					return 200, `{"Name":"prod/db","VersionId":"v1","SecretString":"s"}`
				})
				write(good)
				s, err := awssm.FromEnvironment(t.Context(), config.WithHTTPClient(client))
				if err != nil {
					t.Fatal(err)
				}
				fetch := func(want error) {
					t.Helper()
					if _, err := s.Fetch(t.Context(), current); !errors.Is(err, want) {
						t.Errorf("the error is %v, want %v", err, want)
					}
				}
				fetch(nil)
				good = "AKIDSECOND" // and the former one is refused from now on
				fetch(secret.ErrUnavailable)
				write(good)
				time.Sleep(time.Second)
				fetch(nil)
				fetch(nil)
			})
		})
	}
}

// TestCredentialsThatComeLaterAreFound: the file was not there when the program began.
func TestCredentialsThatComeLaterAreFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bareEnvironment(t)
		t.Setenv("AWS_REGION", "eu-west-1")
		client := answers(func(*http.Request) (int, string) {
			return 200, `{"Name":"prod/db","VersionId":"v1","SecretString":"s"}`
		})
		s, err := awssm.FromEnvironment(t.Context(), config.WithHTTPClient(client))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Fetch(t.Context(), current); !errors.Is(err, secret.ErrUnavailable) {
			t.Errorf("the error is %v", err)
		}
		t.Setenv("AWS_ACCESS_KEY_ID", accessKey)
		t.Setenv("AWS_SECRET_ACCESS_KEY", secretKey)
		time.Sleep(time.Second)
		if _, err := s.Fetch(t.Context(), current); err != nil {
			t.Errorf("the error is %v", err)
		}
	})
}

// roles serves as the instance metadata service; status is what it answers about the role.
func roles(t *testing.T, status *atomic.Int32) {
	t.Helper()
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/latest/api/token":
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
			fmt.Fprint(w, "token")
		case status.Load() != 200:
			w.WriteHeader(int(status.Load()))
		case strings.HasSuffix(r.URL.Path, "/security-credentials/"):
			fmt.Fprint(w, "role")
		default:
			fmt.Fprintf(w, `{"Code":"Success","AccessKeyId":%q,"SecretAccessKey":%q,"Token":"t","Expiration":"2099-01-01T00:00:00Z"}`, accessKey, secretKey)
		}
	})
	t.Setenv("AWS_EC2_METADATA_DISABLED", "")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", srv.URL)
}

// TestTroubleOfTheMetadataServiceIsTheSources, and not a refusal of the secret.
func TestTroubleOfTheMetadataServiceIsTheSources(t *testing.T) {
	for _, trouble := range []int{http.StatusServiceUnavailable, http.StatusNotFound, http.StatusForbidden} {
		t.Run(fmt.Sprint(trouble), func(t *testing.T) {
			bareEnvironment(t)
			t.Setenv("AWS_REGION", "eu-west-1")
			var status atomic.Int32
			status.Store(int32(trouble))
			roles(t, &status)
			s, err := awssm.FromEnvironment(t.Context(), config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }))
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Fetch(t.Context(), current)
			if !errors.Is(err, secret.ErrUnavailable) || errors.Is(err, secret.ErrAccessDenied) {
				t.Errorf("the error is %v", err)
			}
			for _, part := range []string{"instance metadata service", "hop limit", "role", fmt.Sprint(trouble)} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error does not say %q: %v", part, err)
				}
			}
			t.Log(err)
		})
	}
}
