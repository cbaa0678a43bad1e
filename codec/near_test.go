package codec_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/codec"
)

var trimmed = codec.Text{TrimNewline: true}

// wholeRows are rows for secrets that are one value as text, or nearly so.
var wholeRows = []decoding{
	accepts("time.Duration as text", "30s", 30*time.Second),
	accepts("time.Duration by pointer", "1m30s", new(90*time.Second)),
	accepts("string by pointer", "$S\n", new(secretText+"\n")),
	accepts("string by pointers", "$S", new(new(secretText))),
	accepts("named string by pointer", "$S", new(password(secretText))),
	accepts("bytes by pointer", "\xff\n", new([]byte("\xff\n"))),
	accepts("*netip.Addr by pointer", "::1", new(new(netip.IPv6Loopback()))),
	accepts("its own UnmarshalBinary by pointer", "ab", &packed{'a', 'b'}),
	accepts("its own UnmarshalBinary by pointers", "ab", new(&packed{'a', 'b'})),
	accepts("number by pointer", "5432\n", new(5432)),
	accepts("a newline in a string belongs to it", "$S\n", secretText+"\n"),
	acceptsBy(trimmed, "a newline less", "$S\n", secretText),
	acceptsBy(trimmed, "a newline as on Windows less", "$S\r\n", secretText),
	acceptsBy(trimmed, "one newline less", "$S\n\n", secretText+"\n"),
	acceptsBy(trimmed, "no newline, none less", "$S \r", secretText+" \r"),
	acceptsBy(trimmed, "a newline only", "\n", ""),
	acceptsBy(trimmed, "a newline less by pointer", "$S\n", new(secretText)),
	acceptsBy(trimmed, "a newline less for a URL", "https://h/p\n", mustURL("https://h/p")),
	acceptsBy(trimmed, "a newline less for a duration", "30s\n", 30*time.Second),
	acceptsBy(trimmed, "a newline less for UnmarshalText", "::1\r\n", netip.IPv6Loopback()),
	acceptsBy(codec.JSON{}, "time.Duration in JSON", `"30s"`, 30*time.Second),

	refuses[time.Duration]("duration with a newline", "30s\n", codec.ErrValue, "ends with a newline", "TrimNewline"),
	refuses[time.Duration]("duration with blanks", " 30s\n\n", codec.ErrValue, "blanks or newlines around it"),
	refuses[time.Duration]("duration without a unit alone", "$N", codec.ErrValue, "a duration such as 30s"),
	refuses[time.Duration]("duration in quotes", `"30s"`, codec.ErrValue, "stands in quotes"),
	refuses[time.Duration]("duration of a text", "$S", codec.ErrValue),
	refuses[url.URL]("URL with a newline", "https://u:$S@h/p\n", codec.ErrValue, "ends with a newline", "TrimNewline"),
	refuses[*url.URL]("*url.URL with a newline", "https://u:$S@h/p\r\n", codec.ErrValue, "ends with a newline", "TrimNewline"),
	refuses[*url.URL]("*url.URL with a byte-order mark", "\ufeffhttps://u:$S@h:port/\n", codec.ErrValue),
	refuses[netip.Addr]("address with a newline", "192.0.2.1\n", codec.ErrValue, "UnmarshalText method", "ends with a newline"),
	refuses[net.IP]("IP with a zero-width space", "192.0.2.1\u200b", codec.ErrValue, "invisible characters"),
	refuses[time.Time]("time with a byte-order mark", "\ufeff2026-11-24T04:00:00Z", codec.ErrValue, "invisible characters"),
	refuses[*packed]("UnmarshalBinary with a newline", "ab\n", codec.ErrValue, "ends with a newline"),
	refuses[json.Number]("json.Number with garbage", `$N$S`, codec.ErrSyntax),

	refuses[one[url.URL]]("URL with a newline in JSON", `{"V":"https://u:$S@h/\n"}`, codec.ErrValue, "V: ", "ends with a newline"),
	refuses[one[netip.Addr]]("address with a blank in JSON", `{"V":"192.0.2.1 ","x":"$S"}`, codec.ErrValue, "blanks"),
	refuses[one[time.Time]]("time with a blank in JSON", `{"V":" 2026-11-24T04:00:00Z"}`, codec.ErrValue, "RFC 3339", "blanks"),
	refuses[one[time.Duration]]("duration with a newline in JSON", `{"V":"30s\n"}`, codec.ErrValue, "ends with a newline"),
	refuses[one[level]]("UnmarshalText in quotes in JSON", `{"V":"'low'"}`, codec.ErrValue, "quotes"),
	refuses[quoted[int]]("number with a newline in JSON", `{"V":"$N\n"}`, codec.ErrValue, "ends with a newline"),
	refusesBy[one[bool]](lenient, "bool with a zero-width space in JSON", `{"V":"true\u200b"}`, codec.ErrValue, "invisible"),
	refuses[dbCreds]("JSON encoded twice", `"{\"password\":\"$S\"}"`, codec.ErrWrongKind, "it was encoded twice"),
	refuses[[]string]("an array encoded twice", `"[\"$S\"]"`, codec.ErrWrongKind, "it was encoded twice"),
	refuses[one[replica]]("a field encoded twice", `{"V":"{\"host\":\"$S\"}"}`, codec.ErrWrongKind, "V: ", "it was encoded twice"),
}

// keyRows are rows for keys that are similar to those that T names.
var keyRows = []decoding{
	accepts("a stranger", `{"v_":"x"}`, optionalV{}),
	accepts("hyphens are a difference for optional keys", `{"user-name":"x"}`, optionalUser{}),
	accepts("both keys are named", `{"ID":"a","id":"b"}`, bothCases{"a", "b"}),
	accepts("one of both keys is there", `{"ID":"a"}`, bothCases{ID: "a"}),

	refuses[replica]("a blank at the end", `{"host ":"$S"}`, codec.ErrMissingKey, `the secret has "host "`, "blank or an invisible"),
	refuses[replica]("a zero-width space at the end", `{"host`+"\u200b"+`":"$S"}`, codec.ErrMissingKey, `the secret has "host\u200b"`, "invisible"),
	refuses[replica]("a byte-order mark, escaped", `{"\ufeffhost":"$S"}`, codec.ErrMissingKey, `the secret has "\ufeffhost"`),
	refuses[replica]("a no-break space and another case", `{"Host\u00a0":"$S"}`, codec.ErrMissingKey, `"Host\u00a0"`),
	refuses[replica]("a newline", `{"host\n":"$S"}`, codec.ErrMissingKey, `"host\n"`),
	refuses[one[int]]("a letter that is another case of two", `{"\u212a":1,"$S":1,"V\u200b":2}`, codec.ErrMissingKey, `"V\u200b"`),
	refuses[kelvin]("the sign of kelvins", `{"\u212a":$N}`, codec.ErrMissingKey, "case counts"),
	refuses[blankTag]("a blank in the tag", `{"host":"$S"}`, codec.ErrMissingKey, `"host " (field V, the secret has "host" and the difference is a blank`),
	refuses[snake]("a hyphen for an underscore", `{"user-name":"$S"}`, codec.ErrMissingKey, `the secret has "user-name" and the names differ`),
	refuses[snake]("camel case", `{"userName":"$S"}`, codec.ErrMissingKey, `the secret has "userName" and the names differ`),
	refuses[snake]("the nearer of two", `{"userName":"$S","User_Name":"$S"}`, codec.ErrMissingKey, `the secret has "User_Name" and case counts`),
	refuses[cluster]("further in", `{"primary":{"host ":"$S"},"replicas":[],"byZone":{}}`, codec.ErrMissingKey, `"primary.host" (field Primary.Host, the secret has "host "`),
	refuses[optionalV]("an optional key in another case", `{"V":"$S"}`, codec.ErrMissingKey, `"v" (field V, the secret has "V" and case counts)`),
	refuses[optionalV]("an optional key with a blank", `{"v ":"$S"}`, codec.ErrMissingKey, `"v "`),
	refuses[embedsPointer]("a key of an embedded pointer", `{"password":"$S","Host":"x"}`, codec.ErrMissingKey, `"host"`, "case counts"),
	refuses[node]("an optional pointer", `{"name":"$S","Next":null}`, codec.ErrMissingKey, `the secret has "Next"`),
	refusesBy[replica](codec.JSON{Strict: true}, "strict with a blank", `{"host":"h","host ":"$S"}`, codec.ErrUnknownKey, `but for a blank or an invisible character it is "host"`),
}

type (
	optionalV struct {
		V string `json:"v,omitempty"`
	}
	optionalUser struct {
		V string `json:"user_name,omitempty"`
	}
	bothCases struct {
		ID string
		Id string `json:"id,omitempty"`
	}
	kelvin   struct{ K int }
	blankTag struct {
		V string `json:"host "`
	}
	snake struct {
		V string `json:"user_name"`
	}
)

// TestANearMissTellsNothingElse: an error shows a key of the secret only if it is clearly
// the missing key in another form.
func TestANearMissTellsNothingElse(t *testing.T) {
	for _, key := range []string{"hosts", "hos", "h\u0456st", strings.Repeat(" ", 99) + "host", "hostx ", "host" + secretText, ""} {
		doc := fmt.Sprintf("{%q:1}", key)
		if err := failure[replica](codec.JSON{}, doc); err == nil || strings.Contains(err.Error(), "the secret has") {
			t.Errorf("%q: %v", key, err)
		}
	}
}
