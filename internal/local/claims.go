package local

import (
	"fmt"
	"strings"
	"sync"

	"github.com/typedsecret/typedsecret/secret"
)

// Claims notes which secret was read from each place, such as a file or a variable. Several
// IDs may lead to one place, and Secrets Manager would keep their secrets apart: so Claims
// refuses a place that was read for one secret to another. The zero value is ready for use,
// and safe for concurrent use.
type Claims struct {
	mu     sync.Mutex
	places map[string]claim
}

// A claim is what is known of the secret that a place was read for.
type claim struct {
	id      string // that was asked for
	name    string // of the secret, from the ID
	account string // what precedes the name in an ARN; empty if the ID is a name
	suffix  string // what Secrets Manager adds to the name in a full ARN; empty if unknown
}

// Take reports an error that wraps [secret.ErrInvalidRef] if place was read for another
// secret than id, whose name is one of [Keys]. The argument what names the place in errors:
// "the file db", say.
func (c *Claims) Take(place, id, name, what string) error {
	next := claim{id: id, name: name}
	if before, rest, isARN := strings.Cut(id, ":secret:"); isARN && strings.HasPrefix(id, "arn:") {
		next.account = before
		if added, ok := strings.CutPrefix(rest, name); ok {
			next.suffix = added
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	was, taken := c.places[place]
	if taken && !was.agrees(next) {
		return fmt.Errorf("%w: the ID %.200q leads to %s, which was read for the ID %.200q; "+
			"Secrets Manager would take these for two secrets, so give one of them another name",
			secret.ErrInvalidRef, id, what, was.id)
	}
	if taken {
		was.account = either(was.account, next.account)
		was.suffix = either(was.suffix, next.suffix)
		next = was
	}
	if c.places == nil {
		c.places = map[string]claim{}
	}
	c.places[place] = next
	return nil
}

// Drop forgets a place that is no longer there.
func (c *Claims) Drop(place string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.places, place)
}

// agrees reports whether both claims may be of one secret. A name agrees with an ARN of any
// account, since the program's account is unknown.
func (c claim) agrees(other claim) bool {
	differ := func(a, b string) bool { return a != "" && b != "" && a != b }
	return c.name == other.name && !differ(c.account, other.account) && !differ(c.suffix, other.suffix)
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
