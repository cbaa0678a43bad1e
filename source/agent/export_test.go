package agent

// Dialer is for the test of names that a name server has elsewhere: the hosts file, which
// comes first, has localhost here.
var Dialer = dialer

// DefaultTokenFile is where the token is on an operating system.
func DefaultTokenFile(goos string) string { return defaultTokenFile(goos) }
