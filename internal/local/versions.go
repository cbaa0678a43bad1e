package local

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"

	"github.com/typedsecret/typedsecret/secret"
)

// Versions gives version IDs to secrets that have none where they are kept: another one
// whenever the bytes changed. It keeps the last payload of each place, since a hash of a secret
// in a version ID would tell of the secret. The zero value is ready for use, and safe for
// concurrent use.
type Versions struct {
	mu   sync.Mutex // guards what follows
	name string     // so that no other Versions has these IDs, of an earlier run of the program say
	made int
	last map[string]version
}

type version struct {
	id      string
	payload secret.Payload
}

// Of returns the version ID of what was read in a place just now, such as local-1c9a04-3.
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

// Drop forgets a place that is no longer there.
func (v *Versions) Drop(place string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.last, place)
}
