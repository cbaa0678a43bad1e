package secrettest

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

type listSecretsInput struct {
	Filters                []filter `len:"0,10"`
	IncludePlannedDeletion *bool
	MaxResults             *int64  `range:"1,100"`
	NextToken              *string `len:"1,4096"`
	SortBy                 *string `enum:"created-date,last-accessed-date,last-changed-date,name"`
	SortOrder              *string `enum:"asc,desc"`
}

type listSecretsOutput struct {
	NextToken  string `json:",omitempty"`
	SecretList []*description
}

func (s *Server) listSecrets(in *listSecretsInput) (any, error) {
	found, err := s.store.filtered(in.Filters, in.IncludePlannedDeletion != nil && *in.IncludePlannedDeletion)
	if err != nil {
		return nil, err
	}
	by := ""
	if in.SortBy != nil {
		by = *in.SortBy
	}
	order := listOrder(by)
	slices.SortFunc(found, func(a, b *secret) int { return order(a).compare(order(b)) })
	if in.SortOrder != nil && *in.SortOrder == "desc" {
		slices.Reverse(found)
	}
	part, next, err := page(found, order, in.MaxResults, 100, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := listSecretsOutput{NextToken: next, SecretList: []*description{}}
	for _, sec := range part {
		d := sec.describe()
		d.SecretVersionsToStages = sec.stagesByVersion()
		out.SecretList = append(out.SecretList, d)
	}
	return out, nil
}

// listOrder returns the sort key of secrets. The default is their age.
func listOrder(by string) func(*secret) place {
	key := func(sec *secret) string {
		switch by {
		case "name":
			return sec.name
		case "last-accessed-date":
			return sortable(sec.accessed)
		case "last-changed-date":
			return sortable(sec.changed)
		case "created-date":
			return sortable(sec.created)
		default:
			return ""
		}
	}
	return func(sec *secret) place { return place{key(sec), sec.seq} }
}

// filter is one condition on secrets: any of its values must match, or none of
// the values that begin with an exclamation mark.
type filter struct {
	Key    string
	Values []string
}

func (f *filter) UnmarshalJSON(b []byte) error {
	return exactly(b, map[string]any{"Key": &f.Key, "Values": &f.Values})
}

const filterKeys = "description,name,tag-key,tag-value,primary-region,owning-service,all"

// filtered returns the secrets that match all of the filters, the oldest first.
func (st *store) filtered(filters []filter, deleted bool) ([]*secret, error) {
	for i, f := range filters {
		at := fmt.Sprintf(" at 'filters.%d.member.", i+1)
		const failed = "values' failed to satisfy constraint: Member must "
		switch {
		case !oneOf(f.Key, filterKeys):
			return nil, validation("1 validation error detected: Value '" + f.Key + "'" + at + "key' failed to satisfy constraint: Member must satisfy enum value set: [" +
				strings.ReplaceAll(filterKeys, ",", ", ") + "]")
		case len(f.Values) < 1:
			return nil, validation("1 validation error detected: Value" + at + failed + "have length greater than or equal to 1")
		case len(f.Values) > 10:
			return nil, validation("1 validation error detected: Value" + at + failed + "have length less than or equal to 10")
		case slices.ContainsFunc(f.Values, func(v string) bool { return utf8.RuneCountInString(v) > 512 }):
			return nil, validation("1 validation error detected: Value" + at + failed +
				"satisfy constraint: [Member must have length less than or equal to 512, Member must have length greater than or equal to 0]")
		}
	}
	found := []*secret{}
	for _, sec := range st.secrets {
		if !sec.deleted.IsZero() && !deleted {
			continue
		}
		if !slices.ContainsFunc(filters, func(f filter) bool { return !f.meets(sec) }) {
			found = append(found, sec)
		}
	}
	return found, nil
}

// meets reports whether a secret matches the filter.
func (f filter) meets(sec *secret) bool {
	wanted, met := false, false
	for _, v := range f.Values {
		pattern, not := strings.CutPrefix(v, "!")
		has := sec.has(f.Key, pattern)
		if not && has {
			return false
		}
		wanted = wanted || !not
		met = met || !not && has
	}
	return met || !wanted
}

// has reports whether the attribute of a filter's key matches a pattern. It matches by a
// prefix, with case; the keys description and all match by words.
func (sec *secret) has(key, pattern string) bool {
	anyTag := func(field func(tag) string) bool {
		return slices.ContainsFunc(sec.tags, func(t tag) bool { return strings.HasPrefix(field(t), pattern) })
	}
	switch key {
	case "name":
		return strings.HasPrefix(sec.name, pattern)
	case "description":
		return mentions(sec.description, pattern)
	case "tag-key":
		return anyTag(func(t tag) string { return t.Key })
	case "tag-value":
		return anyTag(func(t tag) string { return t.Value })
	case "all":
		return mentions(sec.name, pattern) || mentions(sec.description, pattern) || slices.ContainsFunc(sec.tags, func(t tag) bool {
			return mentions(t.Key, pattern) || mentions(t.Value, pattern)
		})
	case "primary-region":
		return sec.primaryRegion() != "" && strings.HasPrefix(sec.primaryRegion(), pattern)
	default: // owning-service: no service owns our secrets
		return false
	}
}
