package awssm

import (
	"bytes"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// A sender hands requests to an HTTP client with their body in memory, so that
// net/http writes headers and body in one piece.
//
// The reader that the SDK wraps a body in would have it send the headers first,
// and is closed by the SDK as soon as an answer begins. If net/http has not yet
// looked for the body's end by then, as happens with a server close by, it meets
// an error (smithy-go v1.28.9 returns io.EOF from WriteTo, which io.Copy takes for
// a failure) and gives up the connection that the answer is being read from.
type sender struct{ client secretsmanager.HTTPClient }

func (s sender) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return s.client.Do(r)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(r.Body); err != nil {
		return nil, err
	}
	whole := r.WithContext(r.Context()) // a copy; the SDK closes the body of its own
	// net/http knows that a bytes.Reader is in memory. For any other type it sends the headers first.
	whole.Body = io.NopCloser(bytes.NewReader(b.Bytes()))
	answer, err := s.client.Do(whole)
	if err != nil {
		err = withProxy(s.client, whole, err)
	} else if answer != nil && answer.Request == nil {
		answer.Request = whole // for sentSecrets; a client that is no http.Client may leave it out
	}
	return answer, err
}
