package secrettest

import (
	"fmt"
	"slices"
)

// maxTags is how many tags a secret may bear.
const maxTags = 50

type tag struct {
	Key   string
	Value string
}

// checkTags returns the error for tags that cannot be added to those there are.
func checkTags(have, add []tag) error {
	n := len(have)
	for i, t := range add {
		switch {
		case len(t.Key) < 1 || len(t.Key) > 128:
			return validation(fmt.Sprintf("1 validation error detected: Value '%s' at 'tags.%d.member.key' failed to satisfy constraint: Member must have length less than or equal to 128 and greater than or equal to 1", t.Key, i+1))
		case len(t.Value) > 256:
			return validation(fmt.Sprintf("1 validation error detected: Value at 'tags.%d.member.value' failed to satisfy constraint: Member must have length less than or equal to 256", i+1))
		}
		if !slices.ContainsFunc(have, func(h tag) bool { return h.Key == t.Key }) {
			n++
		}
	}
	if n > maxTags {
		return limitExceeded(fmt.Sprintf("A secret can have at most %d tags.", maxTags))
	}
	return nil
}
