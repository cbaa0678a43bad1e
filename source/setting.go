package source

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/typedsecret/typedsecret/internal/local"
)

// The parameters that stand behind the question mark of a setting.
const (
	paramPrefix  = "prefix"     // before each name
	paramTTL     = "ttl"        // of the default cache
	paramRole    = "role"       // to assume
	paramRefresh = "refreshNow" // past the cache of an agent
)

// parameters are those of a setting by their names.
type parameters map[string]string

// parse takes the text behind the colon of a setting apart. Its errors quote nothing of the
// text, except the names of known parameters.
func parse(text string, known []string) (rest string, p parameters, err error) {
	rest, query, has := strings.Cut(text, "?")
	if !has {
		return rest, nil, nil
	}
	p = parameters{}
	for i, one := range strings.Split(query, "&") {
		name, value, _ := strings.Cut(one, "=")
		switch _, twice := p[name]; {
		case !slices.Contains(known, name):
			return "", nil, fmt.Errorf("parameter %d behind the question mark is not known; the known are %s", i+1, strings.Join(known, ", "))
		case twice:
			return "", nil, fmt.Errorf("the parameter %s is there twice", name)
		}
		// Not as in a form, where a + is a space: a secret's name may have one.
		value, err := url.PathUnescape(value)
		if err != nil {
			return "", nil, fmt.Errorf("the parameter %s has a %% that begins no escape such as %%2F", name)
		}
		if err := check(name, value); err != nil {
			return "", nil, fmt.Errorf("the parameter %s %w", name, err)
		}
		p[name] = value
	}
	return rest, p, nil
}

// check reports why a parameter can't have this value.
func check(name, value string) error {
	switch name {
	case paramPrefix:
		// The characters of a secret's name, from the reference page of the CreateSecret action.
		if at := firstOutside(value, letters+digits+"/_+=.@!-"); at >= 0 {
			return fmt.Errorf("has a character, number %d, that is in no secret's name; a prefix looks like staging/", at+1)
		}
		if value == "" {
			return errors.New("is empty; leave it out, or give one such as staging/")
		}
	case paramTTL:
		if ttl, err := time.ParseDuration(value); err != nil || ttl < time.Millisecond {
			return errors.New("is no duration of a millisecond or more; one looks like 10s")
		}
	case paramRole:
		if !local.IsRole(value) {
			return errors.New("is not the ARN of a role; one looks like " + local.RoleExample)
		}
	case paramRefresh:
		if value != "true" && value != "false" {
			return errors.New("is neither true nor false")
		}
	}
	return nil
}

func (p parameters) ttl() time.Duration {
	ttl, _ := time.ParseDuration(p[paramTTL])
	return ttl
}
