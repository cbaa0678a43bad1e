package agent

// Dialer is for the test of names that a name server has elsewhere: the hosts file, which
// comes first, has localhost here.
var Dialer = dialer
