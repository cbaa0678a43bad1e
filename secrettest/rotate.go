package secrettest

import (
	"context"
	"time"
)

// RotationFunc is a rotation function, what the service runs as a Lambda: it is
// called for each of the four steps in turn, and works through the service's API
// as such a function does. An error ends the rotation and leaves it unfinished.
// It must not call [Server.Close], which waits for it.
type RotationFunc func(ctx context.Context, step RotationStep) error

// RotationStep is what a rotation function is called with.
type RotationStep struct {
	Step               string // createSecret, setSecret, testSecret or finishSecret
	SecretID           string // the ARN
	ClientRequestToken string // the ID of the version to be made, which bears AWSPENDING
}

// OnRotate sets the function that RotateSecret starts, on a goroutine of its own,
// whatever ARN the secret names; its context ends when the server closes. Without
// one, RotateSecret announces the new version, as the service does before it
// calls the function, and leaves the four steps to you.
func (s *Server) OnRotate(fn RotationFunc) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.rotate = fn
}

// rotation is how a secret is rotated, guarded as the secret is.
type rotation struct {
	enabled  bool
	function string
	rules    *rotationRules
	since    time.Time // when it was last configured or asked for
	last     time.Time // when one was last finished
	version  string    // the ID of the version that a rotation is to bring in, "" if none
	running  bool      // the function is at work
}

type rotationRules struct {
	AutomaticallyAfterDays *int64  `json:",omitempty"`
	Duration               *string `json:",omitempty"`
	ScheduleExpression     *string `json:",omitempty"`
}

func (r *rotationRules) UnmarshalJSON(b []byte) error {
	return exactly(b, map[string]any{
		"AutomaticallyAfterDays": &r.AutomaticallyAfterDays, "Duration": &r.Duration, "ScheduleExpression": &r.ScheduleExpression,
	})
}

// next returns when the secret is due for rotation, as far as it follows from a
// number of days, counted from the latest rotation, or from when it was asked for
// if there was none; schedule expressions are kept but not read.
func (r *rotation) next() time.Time {
	if !r.enabled || r.rules == nil || r.rules.AutomaticallyAfterDays == nil {
		return time.Time{}
	}
	from := r.last
	if from.IsZero() {
		from = r.since
	}
	return from.AddDate(0, 0, int(*r.rules.AutomaticallyAfterDays))
}

// finishRotation notes the date if a rotation has just reached its end, which is
// AWSCURRENT on the version that was announced, whoever moved it there.
func (sec *secret) finishRotation(now time.Time) {
	r, current := sec.rotation, sec.staged(stageCurrent)
	if r != nil && current != nil && current.id == r.version {
		r.last, r.version = now, ""
	}
}

type rotateSecretInput struct {
	SecretId           *string `api:"required" len:"1,2048"`
	ClientRequestToken *string `len:"32,64"`
	RotateImmediately  *bool
	RotationLambdaARN  *string `len:"0,2048"`
	RotationRules      *rotationRules
}

type rotateSecretOutput struct {
	ARN       string
	Name      string
	VersionId string `json:",omitempty"`
}

func (s *Server) rotateSecret(in *rotateSecretInput) (any, error) {
	if in.ClientRequestToken == nil {
		return nil, invalidParameter(errNoToken)
	}
	if r := in.RotationRules; r != nil {
		days := r.AutomaticallyAfterDays
		if days != nil && r.ScheduleExpression != nil {
			return nil, invalidParameter("You can't specify both AutomaticallyAfterDays and ScheduleExpression.")
		}
		if days != nil && (*days < 1 || *days > 1000) {
			return nil, invalidParameter("RotationRules.AutomaticallyAfterDays must be within 1-1000.")
		}
	}
	sec, err := s.store.active(*in.SecretId)
	if err != nil {
		return nil, err
	}
	named := in.RotationLambdaARN != nil && *in.RotationLambdaARN != ""
	if !named && (sec.rotation == nil || sec.rotation.function == "") {
		return nil, invalidRequest("No Lambda rotation function ARN is associated with this secret.")
	}
	if sec.rotation == nil {
		sec.rotation = &rotation{}
	}
	r := sec.rotation
	r.enabled = true
	if named {
		r.function = *in.RotationLambdaARN
	}
	if in.RotationRules != nil {
		r.rules = in.RotationRules
	}
	now := s.store.now()
	sec.changed, r.since = now, now
	token := *in.ClientRequestToken
	if in.RotateImmediately != nil && !*in.RotateImmediately {
		return rotateSecretOutput{ARN: sec.arn, Name: sec.name}, nil
	}
	out := rotateSecretOutput{sec.arn, sec.name, token}
	if sec.version(token) != nil {
		return out, nil // the same request once more
	}
	if pending := sec.staged(stagePending); pending != nil && pending != sec.staged(stageCurrent) {
		s.startRotation(sec, pending.id)
		return nil, invalidRequest("A previous rotation isn't complete. That rotation will be reattempted.")
	}
	v := &version{id: token, created: now}
	sec.versions = append(sec.versions, v)
	sec.label(v, stagePending)
	sec.trim()
	s.startRotation(sec, token)
	return out, nil
}

// startRotation runs the rotation function's four steps, unless there is none or
// it is at work. It is called with the store's lock held.
func (s *Server) startRotation(sec *secret, token string) {
	fn, r := s.store.rotate, sec.rotation
	r.version = token
	if fn == nil || r.running || s.wire.ctx.Err() != nil {
		return
	}
	r.running = true
	arn := sec.arn
	s.wire.tasks.Add(1)
	go func() {
		defer s.wire.tasks.Done()
		defer func() { // deferred for a function that ends its goroutine, as t.FailNow does
			s.store.mu.Lock()
			defer s.store.mu.Unlock()
			r.running = false
			if r.version != token && r.version != "" {
				s.startRotation(sec, r.version) // asked for in the meantime
			}
		}()
		steps(s.wire.ctx, fn, arn, token)
	}()
}

func steps(ctx context.Context, fn RotationFunc, arn, token string) {
	for _, step := range []string{"createSecret", "setSecret", "testSecret", "finishSecret"} {
		if ctx.Err() != nil || fn(ctx, RotationStep{step, arn, token}) != nil {
			return
		}
	}
}

// cancelRotateSecret turns rotation off; a version that bears AWSPENDING keeps
// it.
func (s *Server) cancelRotateSecret(in *secretIDInput) (any, error) {
	sec, err := s.store.active(*in.SecretId)
	if err != nil {
		return nil, err
	}
	out := rotateSecretOutput{ARN: sec.arn, Name: sec.name}
	if sec.rotation != nil {
		sec.rotation.enabled = false
	}
	if v := sec.staged(stagePending); v != nil {
		out.VersionId = v.id
	}
	sec.changed = s.store.now()
	return out, nil
}
