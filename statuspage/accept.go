package statuspage

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// formats are what a request can get. The first one is for those that take anything, as curl does.
var formats = []struct{ name, mediaType string }{
	{"text", "text/plain"}, {"html", "text/html"}, {"json", "application/json"},
}

// maxAccept is how many bytes of an Accept header count. A browser sends some hundred.
const maxAccept = 4096

// format returns which of formats the request wants most: what ?format= says, else the Accept
// header. The first one is the answer to a header that none fits.
func format(r *http.Request) string {
	asked := r.URL.Query().Get("format")
	accepted := strings.Join(r.Header.Values("Accept"), ",")
	accepted = accepted[:min(len(accepted), maxAccept)]
	best, most := formats[0].name, 0.0
	for _, f := range formats {
		if f.name == asked {
			return asked
		}
		if q := quality(accepted, f.mediaType); q > most {
			best, most = f.name, q
		}
	}
	return best
}

// quality returns how much an Accept header wants a media type: the q of its most specific range
// that fits (RFC 9110, section 12.5.1).
func quality(accept, mediaType string) (q float64) {
	kind, _, _ := strings.Cut(mediaType, "/")
	fit := 0
	for part := range strings.SplitSeq(accept, ",") {
		name, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		specific := map[string]int{mediaType: 3, kind + "/*": 2, "*/*": 1}[name]
		if specific <= fit {
			continue
		}
		fit, q = specific, 1
		if s, has := params["q"]; has {
			q, _ = strconv.ParseFloat(s, 64)
		}
	}
	return q
}
