package sqlsecret

import (
	"slices"
	"sync"

	"github.com/typedsecret/typedsecret"
)

// Logins know which connections of a pool are to be retired: those that logged in with
// another version of the secret than a later login that succeeded. The zero value is
// ready for use, and safe for concurrent use.
//
// [OpenDB] has its own. For another pool, make one, call Begin before the secret is
// read for a login, Succeeded after the login, and close connections whose Login is
// Retired when the pool takes them back or is about to give them out. Of a source whose
// versions have no ID, nothing is retired.
type Logins struct {
	mu     sync.Mutex // guards the rest
	proved string     // the version that last proved itself
	proofs int        // counts up whenever one did, and connections of others are retired
	others bool       // some logged in with another version since
}

// A Login is one try to log in, and then the connection that came of it.
type Login struct {
	logins  *Logins
	since   int    // the proofs when it began
	version string // written once, by Succeeded
}

// Begin begins a login. What the secret is read for it must be read after that.
func (l *Logins) Begin() *Login {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &Login{logins: l, since: l.proofs}
}

// Succeeded notes that the service accepted the version that info is about. It must be
// called before Retired is.
func (login *Login) Succeeded(info typedsecret.Info) {
	l := login.logins
	l.mu.Lock()
	defer l.mu.Unlock()
	login.version = info.VersionID
	switch {
	case l.proofs > 0 && info.VersionID == l.proved && !l.others:
	case isPending(info) || login.since != l.proofs:
		// A rotation under way may be cancelled yet; and who read the secret before
		// another version proved itself can't say which of them is newer.
		l.others = l.others || info.VersionID != l.proved
	default:
		l.proved, l.others = info.VersionID, false
		l.proofs++
	}
}

// isPending reports whether a version is one that a rotation has not brought in yet.
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

// awaits reports whether there are connections to be retired once the version that
// info is about has proved itself.
func (l *Logins) awaits(info typedsecret.Info) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.proofs > 0 && (info.VersionID != l.proved || l.others)
}
