package agent

// Dialer is there since no test can have a name server say where localhost is: the hosts
// file does so first.
var Dialer = dialer
