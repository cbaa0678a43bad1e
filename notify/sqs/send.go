package sqsnotify

import (
	"bytes"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// inOnePiece is an option of each call, so that an answer with messages is not lost: they would
// be invisible until the queue's visibility timeout is over.
func inOnePiece(o *sqs.Options) {
	if o.HTTPClient != nil {
		o.HTTPClient = sender{o.HTTPClient}
	}
}

// A sender sends a request with its body in memory. With the SDK's own reader of the body,
// net/http breaks the connection off if the answer begins early. The file
// source/awssm/send.go explains it.
type sender struct{ client sqs.HTTPClient }

func (s sender) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return s.client.Do(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	whole := r.WithContext(r.Context()) // a copy, since the SDK closes the body of its own
	whole.Body = io.NopCloser(bytes.NewReader(body))
	return s.client.Do(whole)
}
