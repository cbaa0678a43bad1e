package secrettest

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// tokenPrefix marks the page tokens of this server.
const tokenPrefix = "secrettest:"

// place is the place of an element in a list, by its key and then by its age. It does not
// change when other elements are added or removed.
type place struct {
	Key string `json:",omitempty"`
	Seq int
}

func (p place) compare(q place) int {
	return cmp.Or(strings.Compare(p.Key, q.Key), cmp.Compare(p.Seq, q.Seq))
}

// sortable returns a time as a key that sorts as the time does.
func sortable(t time.Time) string {
	const start = 1 << 61 // makes all times of the service positive
	return fmt.Sprintf("%020d", t.UnixMicro()+start)
}

// page returns one page of a list, which is sorted by its places, up or down. The token of
// the next page is the encoded place of the last element on this page. So deletions between
// two requests move no element from one page to another.
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
