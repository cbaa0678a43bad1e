package secrettest

import (
	"context"
)

// RotationFunc is a rotation function, what the service runs as a Lambda: it is
// called once for each of the four steps, and works through the service's API as
// such a function does. An error ends the rotation and leaves it unfinished.
type RotationFunc func(ctx context.Context, step RotationStep) error

// RotationStep is what a rotation function is called with.
type RotationStep struct {
	Step               string // createSecret, setSecret, testSecret or finishSecret
	SecretID           string // the ARN
	ClientRequestToken string // the ID of the new version
}

type rotation struct{}
