package redisnotify

import "time"

// PingEvery sets how long a connection may be silent.
func (r *Receiver) PingEvery(d time.Duration) { r.pingEvery = d }
