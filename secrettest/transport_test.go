package secrettest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/secrettest"
)

// TestStatusLines compares the answers in memory with those over the socket.
func TestStatusLines(t *testing.T) {
	s := secrettest.New(t)
	for _, status := range []int{400, 418, 503, 599} {
		stop := s.Fail(t, secrettest.Fault{Effect: secrettest.Respond(status, "X", "")})
		status := func(c *http.Client) string {
			resp, err := c.Post(s.URL(), "application/x-amz-json-1.1", strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			return resp.Status
		}
		if memory, socket := status(s.Client()), status(http.DefaultClient); memory != socket {
			t.Errorf("Status %q in memory and %q over the socket", memory, socket)
		}
		stop()
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestTheTransportLeavesTheRequestAlone(t *testing.T) {
	s := secrettest.New(t)
	req, err := http.NewRequest(http.MethodPost, "http://x/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.Transport().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if req.Body != nil {
		t.Error("the request has a body now")
	}
	if resp.Request != req {
		t.Error("the response names another request")
	}
}
