package awssm_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/source/awssm"
)

// TestATextIsToldWithoutWhatItQuotes: what is known to be harmless is told, and no more.
func TestATextIsToldWithoutWhatItQuotes(t *testing.T) {
	for text, says := range map[string]string{
		`malformed HTTP response "` + marker + `"`:                                                                      "malformed HTTP response",
		`malformed HTTP status code "` + marker + `"`:                                                                   "malformed HTTP status code",
		`malformed MIME header line: ` + marker:                                                                         "malformed MIME header line",
		`unexpected string value for float: ` + marker:                                                                  "a string in place of a float",
		`invalid character '` + marker[:1] + `' in unicode escape at offset 17`:                                         "at offset 17",
		`http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=NO_ERROR, debug="` + marker + `"`: "GOAWAY, NO_ERROR",
		`stream error: stream ID 1; INTERNAL_ERROR; ` + marker:                                                          "stream ID 1; INTERNAL_ERROR",
		`tls: ` + marker:                                           "withheld",
		`unexpected token at offset ` + marker:                     "withheld",
		`no EC2 IMDS role found, ` + marker:                        "withheld",
		`unable to read file at x: open ` + marker + `: ` + marker: "withheld",
		`unable to read file at x: open eyJ` + strings.Repeat("a", 40) + marker + `: no such file or directory`: "a path that is not shown",
		marker: "withheld",
	} {
		for _, err := range []error{errors.New(text), fmt.Errorf("get identity: %w", errors.New(text))} {
			s, failed := awssm.New(&recorder{err: err})
			if failed != nil {
				t.Fatal(failed)
			}
			_, got := s.Fetch(t.Context(), current)
			if got == nil || !strings.Contains(got.Error(), says) {
				t.Errorf("%q: %v, want it to say %q", text, got, says)
			}
			checkNoSecret(t, got, marker)
		}
	}
}
