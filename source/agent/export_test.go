package agent

// Dialer is for the test of names that a name server has elsewhere: the hosts file, which
// comes first, has localhost here.
var Dialer = dialer

// DefaultTokenFile is where the token is on an operating system.
func DefaultTokenFile(goos string) string { return defaultTokenFile(goos) }

// Old is the memory of an agent that does not know refreshNow.
type Old struct{ old }

// NewOld makes one that is empty.
func NewOld() Old { return Old{newOld()} }

// Add remembers the agent that has a token.
func (o Old) Add(token string) { o.add(token) }

// Has reports whether the agent with a token is remembered.
func (o Old) Has(token string) bool { return o.has(token) }
