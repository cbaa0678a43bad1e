package secrettest

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// tokenPrefix tells our page tokens from others.
const tokenPrefix = "secrettest:"

// place is where something stands in a list: by a key, and among equal keys by its
// age. It stays where it is when others come or go.
type place struct {
	Key string `json:",omitempty"`
	Seq int
}

func (p place) compare(q place) int {
	return cmp.Or(strings.Compare(p.Key, q.Key), cmp.Compare(p.Seq, q.Seq))
}

// sortable returns a time as a key that sorts as the time does.
func sortable(t time.Time) string {
	const start = 1 << 61 // no time before is of the service
	return fmt.Sprintf("%020d", t.UnixMicro()+start)
}

// page cuts one page out of a list, which is sorted by its places, up or down. The
// token of the next page is the place of the last one that was given, made opaque:
// what is deleted between two pages moves nothing from one to the other.
func page[T any](all []T, at func(T) place, maxResults *int64, limit int, token *string) (part []T, next string, err error) {
	size, start := limit, 0
	if maxResults != nil {
		size = min(limit, int(*maxResults))
	}
	if token != nil {
		last, down, ok := parseToken(*token)
		if !ok {
			return nil, "", serviceError("InvalidNextTokenException", "Invalid pagination token.")
		}
		for start < len(all) {
			order := at(all[start]).compare(last)
			if down && order < 0 || !down && order > 0 {
				break
			}
			start++
		}
	}
	end := min(start+size, len(all))
	part = all[start:end]
	if end < len(all) {
		last := at(all[end-1])
		next = formatToken(last, at(all[end]).compare(last) < 0)
	}
	return part, next, nil
}

// pageToken is a page token's content.
type pageToken struct {
	place
	Down bool `json:",omitempty"` // the list is sorted down
}

func formatToken(last place, down bool) string {
	return base64.RawURLEncoding.EncodeToString(append([]byte(tokenPrefix), mustJSON(pageToken{last, down})...))
}

func parseToken(text string) (last place, down, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	object, ours := strings.CutPrefix(string(b), tokenPrefix)
	var t pageToken
	if err != nil || !ours || json.Unmarshal([]byte(object), &t) != nil {
		return place{}, false, false
	}
	return t.place, t.Down, true
}
