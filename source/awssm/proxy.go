package awssm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// A refusedByProxy says that a proxy did not connect a client. It has the proxy's status,
// and its host if that is known.
type refusedByProxy struct {
	host   string
	status int
}

func (r refusedByProxy) Error() string {
	if r.host == "" {
		return fmt.Sprintf("the proxy answered HTTP %d", r.status)
	}
	return fmt.Sprintf("the proxy %s answered HTTP %d", r.host, r.status)
}

// tellingProxy returns client with a transport whose errors have a proxy's status. By itself,
// net/http shows the words that the proxy put behind the status, which may quote anything.
func tellingProxy(client aws.HTTPClient) aws.HTTPClient {
	own, ok := client.(*awshttp.BuildableClient)
	if !ok || own.GetTransport().OnProxyConnectResponse != nil {
		return client
	}
	return own.WithTransportOptions(func(t *http.Transport) {
		t.OnProxyConnectResponse = func(_ context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
			if answer.StatusCode == http.StatusOK {
				return nil
			}
			return refusedByProxy{proxy.Host, answer.StatusCode}
		}
	})
}

// A throughProxy is an error of a request that was sent through a proxy.
type throughProxy struct {
	host string
	err  error
}

func (p *throughProxy) Error() string { return p.err.Error() }
func (p *throughProxy) Unwrap() error { return p.err }

// withProxy notes in err, an error of client about r, through which proxy r was sent.
func withProxy(client secretsmanager.HTTPClient, r *http.Request, err error) error {
	own, ok := client.(*awshttp.BuildableClient)
	if !ok {
		return err
	}
	proxyOf := own.GetTransport().Proxy
	if proxyOf == nil {
		return err
	}
	if proxy, none := proxyOf(r); none == nil && proxy != nil {
		return &throughProxy{proxy.Host, err}
	}
	return err
}

// proxyAdvice returns what to do about the proxy that a request was sent through, or "" if
// there was none.
func proxyAdvice(err error) string {
	var refused refusedByProxy
	op, through := (*net.OpError)(nil), (*throughProxy)(nil)
	switch {
	case errors.As(err, &refused) && refused.status == http.StatusProxyAuthRequired:
		return "check the user and password in HTTPS_PROXY, or name the host in NO_PROXY"
	case errors.As(err, &refused):
		return "see whether the proxy lets this host through; HTTPS_PROXY names the proxy, and NO_PROXY the hosts without one"
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return "check HTTPS_PROXY, which names a proxy that can't be reached, and NO_PROXY, the hosts without one"
	case errors.As(err, &through):
		return fmt.Sprintf("check the proxy %s, through which the request was sent (HTTPS_PROXY, NO_PROXY)", through.host)
	}
	return ""
}
