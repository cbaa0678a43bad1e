package health

import "time"

const (
	// maxNew is how many requests for IDs that were never known may fail in a second.
	maxNew = 50
	// whileAsking is when to ask again while so many are under way.
	whileAsking = time.Second / maxNew
)

// newcomers bounds the requests for IDs that were never known.
type newcomers struct {
	asking int             // requests under way
	failed [maxNew]Instant // when the last ones failed, in a ring
	oldest int             // the index of the oldest
}

// waitAt returns how long the next request is to wait: until those under way, and those that
// failed in the last second, are fewer than maxNew.
func (n *newcomers) waitAt(now Instant) time.Duration {
	if n.asking >= maxNew {
		return whileAsking
	}
	// If all under way fail now, this failure would still have to be over a second old.
	at := n.failed[(n.oldest+n.asking)%maxNew]
	if at == 0 {
		return 0
	}
	return max(0, at+time.Second-now)
}

func (n *newcomers) end(now Instant, k Kind) {
	n.asking--
	if k == Answered || k == Nothing {
		return
	}
	n.failed[n.oldest] = now
	n.oldest = (n.oldest + 1) % maxNew
}
