package awssm

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
)

const (
	giveCredentials = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE (after aws sso login, if it uses SSO), " +
		"or give the workload a role"
	renewCredentials = "the credentials have expired; get new ones, with aws sso login for instance"
	checkKey         = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and for temporary credentials AWS_SESSION_TOKEN"
	checkClock       = "check the secret access key and this machine's clock"
	checkNetwork     = "check the network, AWS_REGION and the endpoint"

	containerEndpoint = "the container's credentials endpoint"
)

// providers are the providers of credentials, in the order in which they are recognised. A
// mark stands in the texts of the provider's errors, and is not shown.
var providers = []struct {
	name, advice string
	marks        []string
}{
	{"the AWS profile's SSO session", "run aws sso login for the profile", []string{"SSO token", "SSO session", "operation error SSO"}},
	{"the AWS profile's login session", "run aws login for the profile", []string{"login token", "oauth2 token", "operation error Signin"}},
	{
		"the profile's credential_process", "run it by hand, as the user of the service, and see what it prints and how it ends",
		[]string{"process provider error"},
	},
	{
		"the role of the web identity token", "see whether AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE are those of the workload " +
			"(on EKS the annotation eks.amazonaws.com/role-arn of its service account), and whether the role's trust policy names the cluster's OIDC provider and the service account",
		[]string{"failed to retrieve jwt", "AssumeRoleWithWebIdentity"},
	},
	{"the role to assume", "see whether the role exists, and whether its trust policy names this identity", []string{"STS: AssumeRole"}},
	{
		containerEndpoint, "on ECS see whether the task has a role, on EKS whether the Pod Identity agent runs and the service account has an association; " +
			"AWS_CONTAINER_CREDENTIALS_FULL_URI or AWS_CONTAINER_CREDENTIALS_RELATIVE_URI names the endpoint, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE the file of its token",
		[]string{"failed to load credentials, ", "resolve auth token"},
	},
}

// provider names the provider of credentials that failed, and what to do about it.
func provider(err error) (name, advice string) {
	text := err.Error()
	for _, p := range providers {
		for _, mark := range p.marks {
			if strings.Contains(text, mark) {
				return p.name, p.advice
			}
		}
	}
	return "", giveCredentials
}

// lateCredentials says what to do about credentials that did not come in time. The SDK mostly
// does not say which provider it was waiting for.
func lateCredentials(err error) string {
	if name, advice := provider(err); name != "" {
		return name + " gives none; " + advice
	}
	return "a credential_process, STS, SSO, the container's credentials endpoint or the instance metadata service did not answer; " +
		"see which of them the AWS configuration names"
}

// halfAKey says that the environment has one of the two keys, which the SDK then ignores.
func halfAKey() string {
	id, key := os.Getenv("AWS_ACCESS_KEY_ID") != "", os.Getenv("AWS_SECRET_ACCESS_KEY") != ""
	switch {
	case id && !key:
		return "AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is not; "
	case key && !id:
		return "AWS_SECRET_ACCESS_KEY is set, and AWS_ACCESS_KEY_ID is not; "
	}
	return ""
}

// sendAdvice returns what to do about a request that could not be sent.
func sendAdvice(err error) string {
	if advice := proxyAdvice(err); advice != "" {
		return advice
	}
	var (
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		header    tls.RecordHeaderError
	)
	switch {
	case strings.Contains(err.Error(), `invalid header field value for "Authorization"`):
		return "the access key ID or the authorization token has a newline or another control character, at its end perhaps; it can't be sent"
	case strings.Contains(err.Error(), `invalid header field value for "X-Amz-Security-Token"`):
		return "the session token (AWS_SESSION_TOKEN) has a newline or another control character, at its end perhaps; it can't be sent"
	case errors.As(err, &authority):
		return "its certificate is of an authority that this machine does not know; AWS_CA_BUNDLE takes a PEM file of authorities, that of a company's proxy for instance"
	case errors.As(err, &host):
		return "its certificate is of another host; check the endpoint, and whether DNS or a proxy leads elsewhere"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "its certificate has expired, or is not valid yet; check this machine's clock, and who renews the certificate"
	case errors.As(err, &invalid):
		return "its certificate is invalid"
	case errors.As(err, &header), strings.Contains(err.Error(), "HTTP response to HTTPS client"):
		return "what answers there does not speak TLS; check the endpoint, and whether a proxy is between"
	}
	return checkNetwork
}

// skew says by how much this machine's clock differs from the service's clock, whose time is in
// the answer. It returns "" if they differ by less than a minute.
func skew(cause error) string {
	var answer *awshttp.ResponseError
	if !errors.As(cause, &answer) || answer.Response == nil {
		return ""
	}
	theirs, err := http.ParseTime(answer.Response.Header.Get("Date"))
	if err != nil {
		return ""
	}
	ahead := time.Since(theirs).Round(time.Minute)
	switch {
	case ahead > 0:
		return fmt.Sprintf("this machine's clock is %v ahead, set it", ahead)
	case ahead < 0:
		return fmt.Sprintf("this machine's clock is %v behind, set it", -ahead)
	}
	return ""
}

// answerer names who refused credentials: an AWS service, or else a provider.
func answerer(err, cause error) string {
	name, _ := provider(err)
	for op := (*smithy.OperationError)(nil); errors.As(cause, &op); cause = op.Err {
		if op.ServiceID != "Secrets Manager" && op.ServiceID != "endpoint-credentials" {
			name = op.ServiceID
		}
	}
	if name != "" {
		return " from " + oneLine(name)
	}
	return ""
}
