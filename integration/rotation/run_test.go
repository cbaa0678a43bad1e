package rotation_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/integration/rotation"
	"github.com/typedsecret/typedsecret/secrettest"
)

func TestPausesFollowTheirSteps(t *testing.T) {
	for name, pauses := range map[string]rotation.Pauses{
		"create": {Create: time.Hour}, "set": {Set: time.Hour}, "test": {Test: time.Hour},
		"all": {Create: 10 * time.Minute, Set: 20 * time.Minute, Test: 30 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := secrettest.New(t)
				s.Seed(t, id, `{"username":"app","password":"sesame"}`)
				r := rotation.New(s)
				if err := r.Manage(t.Context(), id, rotation.Config{Database: anything{}, Pauses: pauses}); err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				if err := r.Rotate(t.Context(), id); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(begin); took != time.Hour {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

func TestAnotherRotatorCarriesOn(t *testing.T) {
	h := newHouse(t)
	h.manage(t, rotation.Config{Before: rotation.FailAt(rotation.TestSecret, 1)})
	if err := h.Rotate(t.Context(), id); err == nil {
		t.Fatal("the step did not fail")
	}
	pending := h.read(t, "AWSPENDING")
	h.Rotator = rotation.New(h.aws)
	h.manage(t, rotation.Config{})
	h.rotate(t)
	if h.read(t, "AWSCURRENT") != pending {
		t.Error("it was not the unfinished rotation")
	}
	h.wantIn(t, "AWSCURRENT")
}

func TestAnyoneMayAskForARotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := secrettest.New(t)
		s.Seed(t, id, `{"username":"app","password":"sesame"}`)
		r := rotation.New(s)
		if err := r.Manage(t.Context(), id, rotation.Config{Database: anything{}, Pauses: rotation.Pauses{Set: time.Hour}}); err != nil {
			t.Fatal(err)
		}
		if _, err := application(s).RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{SecretId: aws.String(id)}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the rotation is in the window
		if err := r.Rotate(t.Context(), id); err != nil {
			t.Error(err)
		}
		if n := s.Calls("UpdateSecretVersionStage"); n != 1 {
			t.Errorf("%d rotations, want the one", n)
		}
	})
}
