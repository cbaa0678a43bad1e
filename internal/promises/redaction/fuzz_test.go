package redaction_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/handletest"
)

// scramble makes a secret of random-looking letters from the fuzzer's input, so that four
// of them don't occur by chance.
func scramble(seed []byte) string {
	const letters = "GHJKQVWXYZghjkqvwxyz"
	out, state := make([]byte, 8+len(seed)%24), uint32(2166136261)
	for i := range out {
		if i < len(seed) {
			state ^= uint32(seed[i])
		}
		state = (state ^ state>>15) * 2654435761
		state ^= state >> 13
		out[i] = letters[state%uint32(len(letters))]
	}
	return string(out)
}

// mutated changes a document as a typing mistake would.
func mutated(doc string, edits []byte) string {
	b := []byte(doc)
	for len(edits) >= 3 && len(b) > 0 {
		at := int(edits[1]) % len(b)
		switch edits[0] % 4 {
		case 0:
			b[at] = edits[2]
		case 1:
			b = slices.Delete(b, at, at+1)
		case 2:
			b = slices.Insert(b, at, edits[2])
		default:
			b = b[:at+1]
		}
		edits = edits[3:]
	}
	return string(b)
}

// FuzzRedaction decodes faulty documents that hold a secret, by handles of all kinds, and
// looks for the secret in the results.
func FuzzRedaction(f *testing.F) {
	for i, doc := range secretDocs {
		f.Add(doc, []byte{byte(i)}, []byte{})
		f.Add(doc, []byte("seed"), []byte{byte(i), byte(3 * i), '"'})
	}
	f.Fuzz(func(t *testing.T, doc string, seed, edits []byte) {
		secret := scramble(seed)
		if shares(doc, secret) {
			return // the document's own text holds it by chance
		}
		var said []any
		source := handletest.Storing("k", mutated(strings.ReplaceAll(doc, "$S", secret), edits))
		observer := hook.ObserverFunc(func(_ context.Context, e hook.Event) { said = append(said, e) })
		c, err := cache.New(source, cache.Config{Observer: observer})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for name, say := range decodings {
			said = append(said[:0], say(t.Context(), typedsecret.WithCache(c))...)
			var all []string
			for _, thing := range said {
				for _, part := range unwrapped(thing) {
					text, _ := json.Marshal(part)
					all = append(all, string(text), fmt.Sprintf("%v", part), fmt.Sprintf("%+v", part), fmt.Sprintf("%#v", part), fmt.Sprintf("%d", part))
				}
			}
			if leak := searchForms(all, secret); leak != "" {
				t.Errorf("secret %s, decoding %s: %s", secret, name, leak)
			}
		}
	})
}

func shares(text, secret string) bool {
	for i := 0; i+4 <= len(secret); i++ {
		if strings.Contains(text, secret[i:i+4]) {
			return true
		}
	}
	return false
}
