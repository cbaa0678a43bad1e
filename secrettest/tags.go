package secrettest

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxTags is the most tags that a secret may have.
const maxTags = 50

type tag struct {
	Key   string
	Value string
}

func (t *tag) UnmarshalJSON(b []byte) error {
	return exactly(b, map[string]any{"Key": &t.Key, "Value": &t.Value})
}

// checkTags returns an error if the tags in add can't be added to those in have.
func checkTags(have, add []tag) error {
	n := len(have)
	for i, t := range add {
		switch {
		case t.Key == "" || utf8.RuneCountInString(t.Key) > 128:
			return validation(fmt.Sprintf("1 validation error detected: Value '%s' at 'tags.%d.member.key' failed to satisfy constraint: Member must have length less than or equal to 128 and greater than or equal to 1", t.Key, i+1))
		case strings.HasPrefix(t.Key, "aws:"):
			return invalidParameter("You can't modify system tags. Tag key: '" + t.Key + "'.")
		case utf8.RuneCountInString(t.Value) > 256:
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

type tagResourceInput struct {
	SecretId *string `api:"required" len:"1,2048"`
	Tags     []tag   `api:"required"`
}

// tagResource adds tags. A tag whose key the secret has already gets the new value.
func (s *Server) tagResource(in *tagResourceInput) (any, error) {
	sec, err := s.store.writable(*in.SecretId)
	if err != nil {
		return nil, err
	}
	if err := checkTags(sec.tags, in.Tags); err != nil {
		return nil, err
	}
	for _, t := range in.Tags {
		if i := slices.IndexFunc(sec.tags, func(h tag) bool { return h.Key == t.Key }); i >= 0 {
			sec.tags[i] = t
		} else {
			sec.tags = append(sec.tags, t)
		}
	}
	sec.changed = s.store.now()
	return struct{}{}, nil
}

type untagResourceInput struct {
	SecretId *string  `api:"required" len:"1,2048"`
	TagKeys  []string `api:"required" each:"1,128"`
}

// untagResource removes tags. A key that the secret lacks is no error.
func (s *Server) untagResource(in *untagResourceInput) (any, error) {
	sec, err := s.store.writable(*in.SecretId)
	if err != nil {
		return nil, err
	}
	sec.tags = slices.DeleteFunc(sec.tags, func(t tag) bool { return slices.Contains(in.TagKeys, t.Key) })
	sec.changed = s.store.now()
	return struct{}{}, nil
}
