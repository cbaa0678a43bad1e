package statuspage

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// isProxyHeader reports whether a proxy adds the header: the request is somebody else's then. The
// sidecar of a service mesh connects from a loopback address and keeps the client's Host. It may leave
// X-Forwarded-For out, but not all of its other headers.
func isProxyHeader(name string) bool {
	switch name {
	case "Forwarded", "Via", "X-Real-Ip":
		return true
	}
	return strings.HasPrefix(name, "X-Forwarded-") || strings.HasPrefix(name, "X-Envoy-")
}

// admit returns why a request is not answered, or nil.
func (p *Page) admit(r *http.Request) error {
	err := fromThisMachine(r)
	if err != nil && p.cfg.Allow != nil && p.cfg.Allow(r) {
		return nil
	}
	return err
}

// fromThisMachine returns why r may be of another machine, or nil. A name as host can be made to
// lead here by anybody (DNS rebinding), so that a browser on this machine would give the page to
// a stranger's script.
func fromThisMachine(r *http.Request) error {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !from.Addr().Unmap().IsLoopback() {
		return errors.New("the request comes from another machine")
	}
	for name := range r.Header {
		if isProxyHeader(name) {
			return fmt.Errorf("the request comes through a proxy, as its header %s says", name)
		}
	}
	if !isLocalName(r.Host) {
		return errors.New("the request names this machine by another name than localhost or a loopback address")
	}
	return nil
}

// isLocalName reports whether a Host header names this machine in a way that no DNS server decides.
func isLocalName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.Unmap().IsLoopback()
}

// sameOrigin refuses what another site has a browser send.
var sameOrigin = http.NewCrossOriginProtection()
