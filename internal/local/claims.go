package local

import (
	"fmt"
	"strings"
	"sync"

	"github.com/typedsecret/typedsecret/secret"
)

// Claims records for which secret each place, such as a file or a variable, was read.
// Several IDs may lead to one place although Secrets Manager has a secret for each of them.
// So once a place was read for one secret, Claims refuses it to another. The zero value is
// ready for use, and safe for concurrent use.
type Claims struct {
	mu     sync.Mutex
	places map[string]claim
}

// A claim is what is known about the secret for which a place was read.
type claim struct {
	id      string // as the caller gave it
	name    string // the secret's name, from the ID
	account string // the ARN up to the name; empty if the ID is a name
	suffix  string // the end that Secrets Manager adds to the name in a full ARN; empty if unknown
}

// Take claims place for the secret id, whose name is one of [Keys]. If place was read for
// another secret, the error wraps [secret.ErrInvalidRef]. The argument what names the place
// in errors: "the file db", say.
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

// Drop forgets a place that no longer exists.
func (c *Claims) Drop(place string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.places, place)
}

// agrees reports whether both claims may be about one secret. A name agrees with an ARN of
// any account, since the program's account is unknown.
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
