package agent

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
	"syscall"
)

// listensOn is the only address that the agent listens on (init_listener in its lib.rs).
// The documentation of the Lambda extension, whose source is not public, says localhost.
const listensOn = "127.0.0.1"

// dialer connects to the agent at base. It connects to 127.0.0.1 where the URL says
// localhost: a name server or a hosts file may put ::1 first, and another user of the
// machine could listen there for the token and answer with a forged secret. Over http the
// connection stays on this machine.
func dialer(base *url.URL) func(ctx context.Context, network, address string) (net.Conn, error) {
	d := new(net.Dialer)
	if base.Scheme == "http" {
		d.Control = func(_, address string, _ syscall.RawConn) error {
			if host, _, _ := net.SplitHostPort(address); !isThisMachine(host) {
				return errors.New("this is no loopback address, and the token and the secret would cross the network in the clear")
			}
			return nil
		}
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if host, port, err := net.SplitHostPort(address); err == nil && isLocalhost(host) {
			address = net.JoinHostPort(listensOn, port)
		}
		return d.DialContext(ctx, network, address)
	}
}

// isThisMachine reports whether a connection to host can't leave this machine.
func isThisMachine(host string) bool {
	ip := net.ParseIP(host)
	return isLocalhost(host) || ip != nil && ip.IsLoopback()
}

// isLocalhost reports whether host is localhost or a name below it, by RFC 6761. Case
// does not count, and neither does a dot at the end.
func isLocalhost(host string) bool {
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	for _, label := range labels {
		if label == "" {
			return false
		}
	}
	return strings.ToLower(labels[len(labels)-1]) == "localhost"
}
