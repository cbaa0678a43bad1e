package awssm_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/awssm"
)

// metadata is an instance metadata service, which the environment names.
func metadata(t *testing.T, answer func(w http.ResponseWriter, r *http.Request)) {
	t.Helper()
	bareEnvironment(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && r.URL.Path == "/latest/api/token" {
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "300")
			fmt.Fprint(w, "token")
			return
		}
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.URL)
}

func TestTheRegionOfAnInstanceIsAskedThere(t *testing.T) {
	metadata(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/latest/dynamic/instance-identity/document" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, `{"region":"ap-southeast-2","accountId":"123456789012"}`)
	})
	t.Setenv("AWS_ACCESS_KEY_ID", accessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secretKey)
	for region, want := range map[string]string{"": "secretsmanager.ap-southeast-2.amazonaws.com", "eu-west-1": "secretsmanager.eu-west-1.amazonaws.com"} {
		t.Setenv("AWS_REGION", region)
		var asked hosts
		s, err := awssm.FromEnvironment(t.Context(), config.WithHTTPClient(&asked))
		if err != nil {
			t.Fatal(err)
		}
		s.Fetch(t.Context(), current)
		if len(asked) != 1 || asked[0] != want {
			t.Errorf("with the region %q: asked %v, want %s", region, asked, want)
		}
	}
}

func TestAMetadataServiceWithoutARegionIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request)
		says   string
	}{
		"it knows none": {http.NotFound, "HTTP 404"},
		"not JSON":      {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hunter2") }, "gave none"},
		"no region":     {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{}") }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			metadata(t, c.answer)
			_, err := awssm.FromEnvironment(t.Context())
			if err == nil || !strings.Contains(err.Error(), "set AWS_REGION") || !strings.Contains(err.Error(), "metadata service") ||
				!strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error is %v, want it to say %q", err, c.says)
			}
		})
	}
}

// TestAMetadataServiceThatHangsHoldsNobodyUp: where there is none, packets for its address may
// vanish.
func TestAMetadataServiceThatHangsHoldsNobodyUp(t *testing.T) {
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) }) // before the server waits for its handlers
	metadata(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := awssm.FromEnvironment(ctx)
	// Unavailable, and so tried again by a Preload that waits: the service may just be starting.
	if !errors.Is(err, secret.ErrUnavailable) || ctx.Err() != nil || !strings.Contains(err.Error(), "did not answer within 2s") {
		t.Errorf("error is %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := awssm.FromEnvironment(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}
