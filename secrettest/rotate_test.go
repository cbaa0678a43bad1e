package secrettest_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/typedsecret/typedsecret/secrettest"
)

func rotate(c *secretsmanager.Client, token string) error {
	_, err := c.RotateSecret(ctx, &secretsmanager.RotateSecretInput{
		SecretId: aws.String("s"), ClientRequestToken: &token,
		RotationLambdaARN: aws.String("arn:aws:lambda:us-east-1:123456789012:function:rotate"),
		RotationRules:     &types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(30)},
	})
	return err
}

func TestRotationNeedsAFunction(t *testing.T) {
	c := client(t, secrettest.New(t))
	create(t, c, "s", "one")
	_, err := c.RotateSecret(ctx, &secretsmanager.RotateSecretInput{SecretId: aws.String("s")})
	wantError(t, err, "InvalidRequestException", "No Lambda rotation function ARN is associated with this secret.")
}

// nothing is a rotation function that leaves the steps to others.
func nothing(context.Context, secrettest.RotationStep) error { return nil }

func TestRotationByHand(t *testing.T) {
	s := secrettest.New(t)
	s.OnRotate(nothing)
	c := client(t, s)
	create(t, c, "s", "one")
	if err := rotate(c, v2); err != nil {
		t.Fatal(err)
	}
	// The service announces the version before the function makes it.
	wantStages(t, c, "s", map[string][]string{v1: {"AWSCURRENT"}, v2: {"AWSPENDING"}})
	_, err := c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("s"), VersionStage: aws.String("AWSPENDING")})
	wantError(t, err, "ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label: AWSPENDING")
	wantError(t, rotate(c, v3), "InvalidRequestException", "A previous rotation isn't complete. That rotation will be reattempted.")
	put(t, c, "s", v2, "two", "AWSPENDING")
	move(t, c, "s", "AWSCURRENT", v1, v2)
	wantStages(t, c, "s", map[string][]string{v1: {"AWSPREVIOUS"}, v2: {"AWSCURRENT", "AWSPENDING"}})
	if err := rotate(c, v3); err != nil {
		t.Errorf("the next rotation: %v", err)
	}
	if _, err := c.CancelRotateSecret(ctx, &secretsmanager.CancelRotateSecretInput{SecretId: aws.String("s")}); err != nil {
		t.Fatal(err)
	}
	d, err := c.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String("s")})
	if err != nil || *d.RotationEnabled || *d.RotationRules.AutomaticallyAfterDays != 30 {
		t.Errorf("DescribeSecret = %+v, %v", d, err)
	}
}

// TestARotationFunctionMayEndItsGoroutine is about t.FailNow in the function.
func TestARotationFunctionMayEndItsGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := secrettest.New(t)
		c := memory(s)
		create(t, c, "s", "one")
		runs := 0
		s.OnRotate(func(context.Context, secrettest.RotationStep) error {
			runs++
			runtime.Goexit()
			return nil
		})
		if err := rotate(c, v2); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		wantError(t, rotate(c, v3), "InvalidRequestException", "A previous rotation isn't complete. That rotation will be reattempted.")
		synctest.Wait()
		if runs != 2 {
			t.Errorf("%d runs of the rotation function, want 2", runs)
		}
	})
}

func TestRotationFunctionDoesTheFourSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := secrettest.New(t)
		c := memory(s)
		create(t, c, "s", "one")
		var steps []string
		fail := true
		s.OnRotate(func(ctx context.Context, step secrettest.RotationStep) error {
			steps = append(steps, step.Step)
			time.Sleep(time.Second)
			switch step.Step {
			case "createSecret":
				put(t, c, step.SecretID, step.ClientRequestToken, "two", "AWSPENDING")
			case "testSecret":
				if fail {
					return errors.New("refused")
				}
			case "finishSecret":
				move(t, c, step.SecretID, "AWSCURRENT", v1, step.ClientRequestToken)
			}
			return nil
		})
		if err := rotate(c, v2); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := strings.Join(steps, " "); got != "createSecret setSecret testSecret" {
			t.Errorf("steps = %s", got)
		}
		fail, steps = false, nil
		wantError(t, rotate(c, v3), "InvalidRequestException", "") // and the previous one is tried again
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := strings.Join(steps, " "); got != "createSecret setSecret testSecret finishSecret" {
			t.Errorf("steps = %s", got)
		}
		d, err := c.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String("s")})
		if err != nil || d.LastRotatedDate == nil || d.NextRotationDate == nil || d.NextRotationDate.Sub(*d.LastRotatedDate) != 30*24*time.Hour {
			t.Errorf("DescribeSecret = %+v, %v", d, err)
		}
		if err := get(ctx, c, "s"); err != nil {
			t.Error(err)
		}
	})
}

func TestCloseEndsARotation(t *testing.T) {
	s := secrettest.New(t)
	c := memory(s)
	create(t, c, "s", "one")
	started, ended := make(chan bool), false
	s.OnRotate(func(ctx context.Context, _ secrettest.RotationStep) error {
		close(started)
		<-ctx.Done()
		ended = true
		return ctx.Err()
	})
	if err := rotate(c, v2); err != nil {
		t.Fatal(err)
	}
	<-started
	s.Close()
	if !ended {
		t.Error("Close did not wait for the rotation")
	}
}

// TestRotationAskedForWhileTheFunctionEndsIsCarriedOut: from finishSecret on another one
// may be asked for, though the function has not returned yet.
func TestRotationAskedForWhileTheFunctionEndsIsCarriedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := secrettest.New(t)
		c := memory(s)
		create(t, c, "s", "one")
		second := make(chan string, 4)
		s.OnRotate(func(_ context.Context, step secrettest.RotationStep) error {
			switch {
			case step.ClientRequestToken == v3:
				second <- step.Step
			case step.Step == "finishSecret":
				put(t, c, "s", v2, "two", "AWSPENDING")
				move(t, c, "s", "AWSCURRENT", v1, v2)
				return rotate(c, v3)
			}
			return nil
		})
		if err := rotate(c, v2); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"createSecret", "setSecret", "testSecret", "finishSecret"} {
			select {
			case got := <-second:
				if got != want {
					t.Errorf("the second rotation has the step %s, want %s", got, want)
				}
			case <-time.After(time.Minute):
				t.Fatal("the second rotation was announced and never carried out")
			}
		}
	})
}
