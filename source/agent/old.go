package agent

import (
	"hash/maphash"
	"sync/atomic"
	"time"
)

// oldFor is for how long an agent is taken for one that does not know refreshNow. An agent that
// was replaced has another token mostly, but not where AWS_TOKEN names one.
const oldFor = 5 * time.Minute

// old remembers the agent that did not know refreshNow, by a hash of its token: another agent
// has another token, or its start broke a connection.
type old struct {
	seed maphash.Seed
	is   *atomic.Pointer[oldAgent]
}

type oldAgent struct {
	token uint64
	since time.Time
}

func newOld() old { return old{maphash.MakeSeed(), new(atomic.Pointer[oldAgent])} }

func (o old) add(token string) { o.is.Store(&oldAgent{maphash.String(o.seed, token), time.Now()}) }

func (o old) clear() { o.is.Store(nil) }

func (o old) has(token string) bool {
	is := o.is.Load()
	return is != nil && is.token == maphash.String(o.seed, token) && time.Since(is.since) < oldFor
}
