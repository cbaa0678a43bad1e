package secrettest

import (
	"fmt"
	"net/http"
	"time"
)

// Effect is a way in which a request goes wrong. The functions below return all effects.
type Effect struct {
	name   string
	change func(*plan)
	entry  bool  // in a batch it affects single secrets
	wrong  error // the reason why there can be no such effect
}

// String returns the effect's name.
func (e Effect) String() string {
	if e.change == nil {
		return "none"
	}
	return e.name
}

// Respond answers with an error of your choice: an HTTP status from 400 to 599, an
// error type such as "InternalServiceError", and a message.
func Respond(status int, errorType, message string) Effect {
	err := &apiError{status: status, typ: errorType, message: message}
	e := Effect{name: errorType, change: func(p *plan) { p.err = err }}
	if status < 400 || status > 599 {
		e.wrong = fmt.Errorf("secrettest: Respond with status %d; an error has one from 400 to 599", status)
	}
	return e
}

// Throttling answers as the service does when the quota of requests is used up:
// 400 ThrottlingException.
func Throttling() Effect {
	err := frontError("ThrottlingException", "Rate exceeded")
	return Effect{name: "Throttling", change: func(p *plan) { p.err = err }}
}

// InternalError answers 500 InternalServiceError.
func InternalError() Effect {
	return Respond(http.StatusInternalServerError, "InternalServiceError", "An error occurred on the server side.")
}

// Unavailable answers 503 ServiceUnavailableException.
func Unavailable() Effect {
	return Respond(http.StatusServiceUnavailable, "ServiceUnavailableException", "Service is unavailable.")
}

// AccessDenied answers 400 AccessDeniedException, as when IAM does not permit the call. In
// a batch it affects only the secret that the fault names.
func AccessDenied() Effect {
	return Effect{name: "AccessDenied", entry: true, change: func(p *plan) {
		resource := "*"
		if len(p.ids) > 0 {
			resource = p.ids[0]
		}
		p.err = serviceError("AccessDeniedException", fmt.Sprintf(
			"User: arn:aws:iam::123456789012:user/secrettest is not authorized to perform: secretsmanager:%[1]s"+
				" on resource: %[2]s because no identity-based policy allows the secretsmanager:%[1]s action", p.op, resource))
	}}
}

// DecryptionFailure answers 400 DecryptionFailure, as when the KMS key is disabled. In a
// batch it affects only the secret that the fault names.
func DecryptionFailure() Effect {
	err := serviceError("DecryptionFailure", "Secrets Manager can't decrypt the protected secret text using the provided KMS key.")
	return Effect{name: "DecryptionFailure", entry: true, change: func(p *plan) { p.err = err }}
}

// DropConnection carries out the operation, and closes the connection without an answer.
func DropConnection() Effect {
	return Effect{name: "DropConnection", change: func(p *plan) { p.cut = cutBeforeHeaders }}
}

// DropAfterHeaders carries out the operation, answers with the headers alone and
// closes the connection.
func DropAfterHeaders() Effect {
	return Effect{name: "DropAfterHeaders", change: func(p *plan) { p.cut = cutAfterHeaders }}
}

// TruncateBody carries out the operation and closes the connection in the middle
// of the answer's body.
func TruncateBody() Effect {
	return Effect{name: "TruncateBody", change: func(p *plan) { p.cut = cutInBody }}
}

// CorruptBody answers with a body that is complete but no JSON. It still begins with the
// secret, so that a test finds a client that quotes the body in an error.
func CorruptBody() Effect {
	return Effect{name: "CorruptBody", change: func(p *plan) {
		p.alter = func(body []byte) []byte { return append(body[:len(body)-1:len(body)-1], "]<!"...) }
	}}
}

// WrongTypes answers 200 with JSON whose members have the wrong types.
func WrongTypes() Effect {
	body := []byte(`{"ARN":1,"CreatedDate":"yesterday","Name":{},"SecretString":["x"],"VersionId":2,"VersionStages":"AWSCURRENT"}`)
	return Effect{name: "WrongTypes", change: func(p *plan) {
		p.alter = func([]byte) []byte { return body }
	}}
}

// Hang holds the request back until the fault is stopped, and then carries it out. It also
// ends when the client gives up or the server closes.
func Hang() Effect {
	return Effect{name: "Hang", change: func(p *plan) { p.hang = true }}
}

// ClockSkew moves the clock with which the service checks signatures, forward if by is
// positive. A request whose signature is more than five minutes off is refused with 400
// InvalidSignatureException. Answers have that clock's Date, with which the SDK corrects
// itself.
func ClockSkew(by time.Duration) Effect {
	const tolerance = 5 * time.Minute
	const layout = "20060102T150405Z"
	return Effect{name: "ClockSkew", change: func(p *plan) {
		p.skew = by
		signed, err := time.Parse(layout, p.header.Get("X-Amz-Date"))
		if err != nil {
			return
		}
		now := time.Now().UTC().Add(by)
		switch {
		case signed.Before(now.Add(-tolerance)):
			p.err = frontError("InvalidSignatureException", fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - 5 min.)",
				signed.Format(layout), now.Add(-tolerance).Format(layout), now.Format(layout)))
		case signed.After(now.Add(tolerance)):
			p.err = frontError("InvalidSignatureException", fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + 5 min.)",
				signed.Format(layout), now.Add(tolerance).Format(layout), now.Format(layout)))
		}
	}}
}
