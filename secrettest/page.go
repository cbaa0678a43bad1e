package secrettest

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// tokenPrefix tells our page tokens from others.
const tokenPrefix = "secrettest:"

// page cuts one page out of a list. The token of the next one is the place where
// it starts, made opaque.
func page[T any](all []T, maxResults *int64, limit int, token *string) (part []T, next string, err error) {
	size, start := limit, 0
	if maxResults != nil {
		size = min(limit, int(*maxResults))
	}
	if token != nil {
		b, err := base64.RawURLEncoding.DecodeString(*token)
		pos, ok := strings.CutPrefix(string(b), tokenPrefix)
		start, _ = strconv.Atoi(pos)
		if err != nil || !ok || start <= 0 {
			return nil, "", serviceError("InvalidNextTokenException", "Invalid pagination token.")
		}
	}
	start = min(start, len(all)) // the list got shorter since
	end := min(start+size, len(all))
	if end < len(all) {
		next = base64.RawURLEncoding.EncodeToString([]byte(tokenPrefix + strconv.Itoa(end)))
	}
	return all[start:end], next, nil
}
