package awssm_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/awssm"
)

// TestATextIsToldWithoutWhatItQuotes: an error shows the parts of a text that are known to be
// harmless, and no other part.
func TestATextIsToldWithoutWhatItQuotes(t *testing.T) {
	for text, says := range map[string]string{
		`malformed HTTP response "` + marker + `"`:                                                                      "malformed HTTP response",
		`malformed HTTP status code "` + marker + `"`:                                                                   "malformed HTTP status code",
		`malformed MIME header line: ` + marker:                                                                         "malformed MIME header line",
		`unexpected string value for float: ` + marker:                                                                  "a string in place of a float",
		`invalid character '` + marker[:1] + `' in unicode escape at offset 17`:                                         "at offset 17",
		`http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=NO_ERROR, debug="` + marker + `"`: "GOAWAY, NO_ERROR",
		`stream error: stream ID 1; INTERNAL_ERROR; ` + marker:                                                          "stream ID 1; INTERNAL_ERROR",
		`tls: ` + marker:                                           "withheld",
		`unexpected token at offset ` + marker:                     "withheld",
		`no EC2 IMDS role found, ` + marker:                        "withheld",
		`unable to read file at x: open ` + marker + `: ` + marker: "withheld",
		`unable to read file at x: open eyJ` + strings.Repeat("a", 40) + marker + `: no such file or directory`: "a path that is not shown",
		marker: "withheld",
	} {
		for _, err := range []error{errors.New(text), fmt.Errorf("get identity: %w", errors.New(text))} {
			s, failed := awssm.New(&recorder{err: err})
			if failed != nil {
				t.Fatal(failed)
			}
			_, got := s.Fetch(t.Context(), current)
			if got == nil || !strings.Contains(got.Error(), says) {
				t.Errorf("%q: %v, want it to say %q", text, got, says)
			}
			checkNoSecret(t, got, marker)
		}
	}
}

// TestAnAnswerThatQuotesTheRequestShowsNoneOfItsHeaders: Secrets Manager and STS quote what they
// would have signed, IAM an Authorization header that is incomplete, and a proxy what it likes.
func TestAnAnswerThatQuotesTheRequestShowsNoneOfItsHeaders(t *testing.T) {
	for _, code := range []string{"InvalidSignatureException", "IncompleteSignatureException", "InvalidRequestException", "Blocked"} {
		for name, change := range map[string]func(*secretsmanager.Options){
			"http.Client": func(*secretsmanager.Options) {},
			"a client that notes no request": func(o *secretsmanager.Options) {
				o.HTTPClient = smithyhttp.ClientDoFunc(func(r *http.Request) (*http.Response, error) {
					answer, err := http.DefaultClient.Do(r)
					if err == nil {
						answer.Request = nil
					}
					return answer, err
				})
			},
		} {
			t.Run(code+" "+name, func(t *testing.T) {
				srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
					answerError(w, 403, code, "The Canonical String should have been 'POST\n/\nx-amz-security-token:"+r.Header.Get("X-Amz-Security-Token")+
						"\n', Authorization="+url.QueryEscape(r.Header.Get("Authorization"))+" and "+r.Header.Get("Authorization"))
				})
				_, err := newSource(t, srv.URL, change).Fetch(t.Context(), current)
				if !strings.Contains(err.Error(), "The Canonical String should have been 'POST") || !strings.Contains(err.Error(), code) {
					t.Errorf("%v", err)
				}
				if _, ok := errors.AsType[*types.InvalidRequestException](err); ok != (code == "InvalidRequestException") {
					t.Errorf("errors.As: %v", ok)
				}
				checkNoSecret(t, err, sessionToken, "AWS4-HMAC-SHA256", accessKey)
			})
		}
	}
}

// TestAPathThatIsAKeyIsNotShown: it is that of AWS_CONTAINER_CREDENTIALS_RELATIVE_URI on ECS.
func TestAPathThatIsAKeyIsNotShown(t *testing.T) {
	const key = "Zq7Xw9Kv-3Jp5-Ym1U"
	for path, says := range map[string]string{"/v2/credentials/" + key: "/v2/credentials/…", "/latest/meta-data/": "/latest/meta-data/", "/v1/credentials": "/v1/credentials"} {
		s, failed := awssm.New(&recorder{err: fmt.Errorf("get identity: %w", &url.Error{Op: "Get", URL: "http://169.254.170.2" + path, Err: io.EOF})})
		if failed != nil {
			t.Fatal(failed)
		}
		_, err := s.Fetch(t.Context(), current)
		if !strings.Contains(err.Error(), "http://169.254.170.2"+says) {
			t.Errorf("%s: %v", path, err)
		}
		checkNoSecret(t, err, key)
	}
}

// TestACredentialThatCanNotBeSentIsNamed: a file that was mounted often ends with a newline.
func TestACredentialThatCanNotBeSentIsNamed(t *testing.T) {
	for says, keys := range map[string]aws.Credentials{
		"access key ID": {AccessKeyID: accessKey + "\n", SecretAccessKey: secretKey},
		"session token": {AccessKeyID: accessKey, SecretAccessKey: secretKey, SessionToken: sessionToken + "\n"},
	} {
		_, err := newSource(t, "http://127.0.0.1:1", func(o *secretsmanager.Options) {
			o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return keys, nil })
		}).Fetch(t.Context(), current)
		if !errors.Is(err, secret.ErrUnavailable) || !strings.Contains(err.Error(), says+" ") || !strings.Contains(err.Error(), "newline") || strings.Contains(err.Error(), "check the network") {
			t.Errorf("%v", err)
		}
		checkNoSecret(t, err, accessKey, secretKey, "FwoGZXIvYXdzEJr")
	}
}

// TestAKeyInPlaceOfTheRegionIsNotShown, but a typo is.
func TestAKeyInPlaceOfTheRegionIsNotShown(t *testing.T) {
	for region, isShown := range map[string]bool{"eu west 1": true, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY": false} {
		_, err := awssm.New(secretsmanager.New(secretsmanager.Options{Region: region}))
		if err == nil || strings.Contains(err.Error(), region) != isShown || !strings.Contains(err.Error(), "AWS_REGION") {
			t.Errorf("%v", err)
		}
	}
}

// TestCredentialsThatAreLateAreExplained: a credential_process that hangs, say.
func TestCredentialsThatAreLateAreExplained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := newSource(t, "http://127.0.0.1:1", func(o *secretsmanager.Options) {
			o.Credentials = aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
				<-ctx.Done()
				return aws.Credentials{}, ctx.Err()
			})
		}).Fetch(ctx, current)
		if !errors.Is(err, secret.ErrTimeout) || !strings.Contains(err.Error(), "no credentials in time; a credential_process") {
			t.Errorf("%v", err)
		}
	})
}
