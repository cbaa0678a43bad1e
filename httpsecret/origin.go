package httpsecret

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// An origin is where a credential may be sent: scheme, host and port, as RFC 6454 defines
// it. The scheme counts, since a redirect to http would show the credential to the network.
type origin struct{ scheme, host, port string }

func parseOrigin(s string) (origin, error) {
	u, err := url.Parse(s)
	if err != nil {
		return origin{}, errors.New("httpsecret: the origin is no URL") // err would quote it
	}
	o := originOf(u)
	if o.host == "" || o.port == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return origin{}, fmt.Errorf("httpsecret: the origin must be like https://api.example.com or http://localhost:8080, and is %q", u.Redacted())
	}
	return o, nil
}

func originOf(u *url.URL) origin {
	scheme := strings.ToLower(u.Scheme)
	usual := map[string]string{"http": "80", "https": "443"}[scheme]
	if usual == "" {
		return origin{} // base can send no request with this origin
	}
	return origin{scheme, strings.ToLower(u.Hostname()), cmp.Or(u.Port(), usual)}
}

// has reports whether u is of this origin.
func (o origin) has(u *url.URL) bool { return u != nil && originOf(u) == o }
