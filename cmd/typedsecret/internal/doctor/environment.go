package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/source"
)

// maxSkew is how far a clock may be off before AWS refuses signatures.
const maxSkew = 5 * time.Minute

// environment looks at what is the same for all secrets.
func environment(ctx context.Context, timeout time.Duration) (lines []Line) {
	setting := os.Getenv(source.Variable)
	scheme, _, _ := strings.Cut(cmp.Or(setting, "aws:"), ":")
	if _, err := source.FromEnvironment(ctx); err != nil {
		return []Line{{Status: Fail, Subject: "source", Text: err.Error()}}
	}
	said := "the secrets come from " + scheme + ": (" + source.Variable + ")"
	if setting == "" {
		said = "the secrets come from Secrets Manager, since " + source.Variable + " is not set"
	}
	lines = append(lines, Line{Status: OK, Subject: "source", Text: said})
	if scheme != "aws" {
		return lines // the other sources say themselves what is wrong with them
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return lines // FromEnvironment has found nothing wrong with it
	}
	lines = append(lines, regionLine(cfg))
	if timeout <= 0 {
		timeout = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	lines = append(lines, credentialsLine(ctx, cfg))
	endpoint, err := endpointOf(ctx, cfg)
	if err != nil {
		return append(lines, Line{Status: Fail, Subject: "endpoint", Text: "is not known: give a region by AWS_REGION"})
	}
	return append(lines, network(ctx, endpoint)...)
}

func regionLine(cfg aws.Config) Line {
	from := "from the configuration"
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		if os.Getenv(name) != "" {
			from = "from " + name
			break
		}
	}
	if cfg.Region == "" {
		return Line{Status: Fail, Subject: "region", Text: "there is none; set AWS_REGION, to eu-west-1 say"}
	}
	return Line{Status: OK, Subject: "region", Text: cfg.Region + ", " + from}
}

func credentialsLine(ctx context.Context, cfg aws.Config) Line {
	if cfg.Credentials == nil {
		return Line{Status: Fail, Subject: "credentials", Text: "there are none"}
	}
	creds, err := cfg.Credentials.Retrieve(ctx)
	switch {
	case err != nil:
		// The library's own text about it, which has the advice, stands at each secret.
		return Line{Status: Fail, Subject: "credentials", Text: "the AWS SDK gets none; see the line of a secret"}
	case creds.CanExpire:
		left := time.Until(creds.Expires).Round(time.Minute)
		if left <= 0 {
			return Line{Status: Fail, Subject: "credentials", Text: "those from " + creds.Source + " have expired"}
		}
		return Line{Status: OK, Subject: "credentials", Text: fmt.Sprintf("from %s, for %v", creds.Source, left)}
	}
	return Line{Status: OK, Subject: "credentials", Text: "from " + creds.Source}
}

// endpointOf returns the URL of Secrets Manager, as the SDK finds it.
func endpointOf(ctx context.Context, cfg aws.Config) (*url.URL, error) {
	for _, given := range []string{os.Getenv("AWS_ENDPOINT_URL_SECRETS_MANAGER"), aws.ToString(cfg.BaseEndpoint), os.Getenv("AWS_ENDPOINT_URL")} {
		if given != "" {
			return url.Parse(given)
		}
	}
	found, err := secretsmanager.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, secretsmanager.EndpointParameters{Region: &cfg.Region})
	return &found.URI, err
}

// network asks the endpoint a question without a signature, whose answer has the service's time.
func network(ctx context.Context, endpoint *url.URL) (lines []Line) {
	shown := endpoint.Scheme + "://" + endpoint.Host
	request := &http.Request{Method: http.MethodGet, URL: endpoint, Header: http.Header{}}
	if proxy, err := http.ProxyFromEnvironment(request); err != nil {
		lines = append(lines, Line{Status: Fail, Subject: "proxy", Text: "HTTPS_PROXY is no URL of a proxy; one looks like http://proxy:3128"})
	} else if proxy != nil {
		lines = append(lines, Line{Status: Note, Subject: "proxy", Text: "requests go through " + proxy.Scheme + "://" + proxy.Host + "; NO_PROXY names the hosts that are asked directly"})
	}
	began := time.Now()
	answer, err := http.DefaultTransport.RoundTrip(request.WithContext(ctx))
	if err != nil {
		return append(lines, Line{Status: Fail, Subject: "endpoint", Text: shown + " can't be reached: " + because(err)})
	}
	answer.Body.Close()
	took := time.Since(began)
	lines = append(lines, Line{Status: OK, Subject: "endpoint", Text: fmt.Sprintf("%s answers in %v", shown, took.Round(time.Millisecond))})
	date, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		return append(lines, Line{Status: Note, Subject: "clock", Text: "the endpoint does not say what time it is"})
	}
	switch skew := began.Add(took / 2).Sub(date).Round(time.Second); {
	case skew.Abs() >= maxSkew:
		return append(lines, Line{Status: Fail, Subject: "clock", Text: fmt.Sprintf("this machine's clock is %v off, and AWS refuses signatures from %v; set it by NTP", skew.Abs(), maxSkew)})
	case skew.Abs() > 5*time.Second:
		return append(lines, Line{Status: Note, Subject: "clock", Text: fmt.Sprintf("this machine's clock is %v off", skew.Abs())})
	}
	return append(lines, Line{Status: OK, Subject: "clock", Text: "agrees with the endpoint's"})
}

// because returns why a connection failed, and what to do.
func because(err error) string {
	if unknown, ok := errors.AsType[*net.DNSError](err); ok {
		return "there is no address for " + unknown.Name + "; see whether the region exists, and whether the network has DNS or a VPC endpoint"
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time; see the route, the security group and the VPC endpoint"
	}
	text := err.Error()
	if strings.Contains(text, "certificate") {
		return text + "; if a proxy opens TLS, give its certificate by AWS_CA_BUNDLE"
	}
	return text
}
