package sqlsecret

import (
	"slices"
	"sync"

	"github.com/typedsecret/typedsecret"
)

// Logins know which connections of a pool to retire: those that logged in with another
// version of the secret than a later login that succeeded. The zero value is ready for use,
// and safe for concurrent use.
//
// [OpenDB] has Logins of its own. For another pool, make one Logins. Call Begin before
// reading the secret for a login, and Succeeded after the login. When the pool takes a
// connection back or is about to give it out, close it if its Login is Retired. Run [Prove]
// beside the pool, or connections stay until some login needs the newer version. If the
// source's versions have no ID, no connection is retired.
type Logins struct {
	mu     sync.Mutex // guards the rest
	proved string     // the version that last proved itself
	proofs int        // counts the logins that retire connections of other versions
	others bool       // since then, some connection logged in with another version
}

// A Login is one try to log in, and then the connection that it opened.
type Login struct {
	logins  *Logins
	since   int    // the value of proofs when it began
	version string // written once, by Succeeded
}

// Begin starts a login. Call it before reading the secret.
func (l *Logins) Begin() *Login {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &Login{logins: l, since: l.proofs}
}

// Succeeded records that the service accepted the version that info is about. Call it
// before Retired.
func (login *Login) Succeeded(info typedsecret.Info) {
	l := login.logins
	l.mu.Lock()
	defer l.mu.Unlock()
	login.version = info.VersionID
	switch {
	case l.proofs > 0 && info.VersionID == l.proved && !l.others:
	case isPending(info) || login.since != l.proofs:
		// A pending version proves nothing, since its rotation may still be cancelled.
		// Neither does a login that read the secret before another version proved itself:
		// either version may be the newer one.
		l.others = l.others || info.VersionID != l.proved
	default:
		l.proved, l.others = info.VersionID, false
		l.proofs++
	}
}

// isPending reports whether a version belongs to a rotation that is still under way.
func isPending(info typedsecret.Info) bool {
	return slices.Contains(info.Stages, "AWSPENDING") && !slices.Contains(info.Stages, "AWSCURRENT")
}

// Retired reports whether the connection should be closed: another version has proved
// itself since its login began.
func (login *Login) Retired() bool {
	l := login.logins
	l.mu.Lock()
	defer l.mu.Unlock()
	return login.since < l.proofs && login.version != l.proved
}

// awaits reports whether there are connections to retire once the version that info is
// about has proved itself.
func (l *Logins) awaits(info typedsecret.Info) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.proofs > 0 && (info.VersionID != l.proved || l.others)
}
