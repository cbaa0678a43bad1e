package local

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"

	"github.com/typedsecret/typedsecret/secret"
)

// Versions gives version IDs to secrets whose storage has none. A secret gets another ID
// whenever its bytes change. Versions keeps the last payload of each place to compare with,
// since a hash in the version ID would reveal something about the secret. The zero value is
// ready for use, and safe for concurrent use.
type Versions struct {
	mu   sync.Mutex // guards the fields below
	name string     // random, so that the IDs differ from those of an earlier run of the program
	made int
	last map[string]version
}

type version struct {
	id      string
	payload secret.Payload
}

// Of returns the version ID of the payload that was just read in a place, such as
// local-1c9a04-3.
func (v *Versions) Of(place string, payload secret.Payload) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	if last, ok := v.last[place]; ok && last.payload.Equal(payload) {
		return last.id
	}
	if v.last == nil {
		v.last = map[string]version{}
		random := make([]byte, 3)
		rand.Read(random) // it never fails
		v.name = hex.EncodeToString(random)
	}
	v.made++
	id := fmt.Sprintf("local-%s-%d", v.name, v.made)
	v.last[place] = version{id, payload}
	return id
}

// Drop forgets a place that no longer exists.
func (v *Versions) Drop(place string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.last, place)
}
