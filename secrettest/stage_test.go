package secrettest_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/secrettest"
)

// stageInput leaves out empty parameters.
func stageInput(id, stage, from, to string) *secretsmanager.UpdateSecretVersionStageInput {
	in := &secretsmanager.UpdateSecretVersionStageInput{SecretId: &id, VersionStage: &stage}
	if from != "" {
		in.RemoveFromVersionId = &from
	}
	if to != "" {
		in.MoveToVersionId = &to
	}
	return in
}

func move(t *testing.T, c *secretsmanager.Client, id, stage, from, to string) {
	t.Helper()
	if _, err := c.UpdateSecretVersionStage(ctx, stageInput(id, stage, from, to)); err != nil {
		t.Fatal(err)
	}
}

func TestLabelsMove(t *testing.T) {
	c := client(t, secrettest.New(t))
	create(t, c, "s", "one")
	put(t, c, "s", v2, "two", "AWSPENDING", "blue")
	put(t, c, "s", v3, "three", "green")
	move(t, c, "s", "AWSCURRENT", v1, v2) // AWSPREVIOUS moves too
	wantStages(t, c, "s", map[string][]string{v1: {"AWSPREVIOUS"}, v2: {"AWSCURRENT", "AWSPENDING", "blue"}, v3: {"green"}})
	move(t, c, "s", "AWSPENDING", v2, "") // removed
	move(t, c, "s", "red", "", v1)        // added
	move(t, c, "s", "red", "", v1)        // no change
	move(t, c, "s", "AWSCURRENT", v2, v1) // back: the versions swap their labels
	wantStages(t, c, "s", map[string][]string{v1: {"AWSCURRENT", "red"}, v2: {"AWSPREVIOUS", "blue"}, v3: {"green"}})
	move(t, c, "s", "AWSPREVIOUS", v2, v3)
	wantStages(t, c, "s", map[string][]string{v1: {"AWSCURRENT", "red"}, v2: {"blue"}, v3: {"AWSPREVIOUS", "green"}})
}

func TestLabelsThatMayNotMove(t *testing.T) {
	c := client(t, secrettest.New(t))
	create(t, c, "s", "one")
	put(t, c, "s", v2, "two", "blue")
	for _, row := range []struct {
		name, stage, from, to string
		code, message         string
	}{
		{
			"from where it is not", "AWSCURRENT", v2, v2, "InvalidParameterException",
			"When you move staging label AWSCURRENT, if you specify RemoveFromVersionId, it must be set to the version that currently has the staging label AWSCURRENT.",
		},
		{
			"to where it is, from where it is not", "AWSCURRENT", v2, v1, "InvalidParameterException",
			"When you move staging label AWSCURRENT, if you specify RemoveFromVersionId, it must be set to the version that currently has the staging label AWSCURRENT.",
		},
		{
			"without saying where it is", "AWSCURRENT", "", v2, "InvalidParameterException",
			"The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is currently attached to version " + v1 +
				", so you must explicitly reference that version in RemoveFromVersionId.",
		},
		{
			"AWSCURRENT to nowhere", "AWSCURRENT", v1, "", "InvalidParameterException",
			"You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.",
		},
		{"neither from nor to", "blue", "", "", "InvalidParameterException", "You must specify MoveToVersionId, RemoveFromVersionId, or both."},
		{"to an unknown version", "blue", v2, v4, "ResourceNotFoundException", "Secrets Manager can't find the specified secret value for VersionId: " + v4},
		{"from a version without it", "red", v1, "", "InvalidParameterException", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := c.UpdateSecretVersionStage(ctx, stageInput("s", row.stage, row.from, row.to))
			wantError(t, err, row.code, row.message)
		})
	}
	wantStages(t, c, "s", map[string][]string{v1: {"AWSCURRENT"}, v2: {"blue"}})
}

func TestVersionAndStageMustBelongTogether(t *testing.T) {
	s := secrettest.New(t)
	c := client(t, s)
	create(t, c, "s", "one")
	put(t, c, "s", v2, "two")
	get := func(version, stage string) error {
		in := &secretsmanager.GetSecretValueInput{SecretId: aws.String("s"), VersionId: &version}
		if stage != "" {
			in.VersionStage = &stage
		}
		_, err := c.GetSecretValue(ctx, in)
		return err
	}
	if err := get(v1, "AWSPREVIOUS"); err != nil {
		t.Error(err)
	}
	wantError(t, get(v1, "AWSCURRENT"), "InvalidRequestException", "You provided a VersionStage that is not associated to the provided VersionId.")
	wantError(t, get(v3, ""), "ResourceNotFoundException", "Secrets Manager can't find the specified secret value for VersionId: "+v3)
}

func TestStageHelper(t *testing.T) {
	s := secrettest.New(t)
	c := memory(s)
	create(t, c, "s", "one")
	put(t, c, "s", v2, "two", "AWSPENDING")
	s.Stage(t, "s", "AWSCURRENT", v2)
	s.Stage(t, "s", "AWSPENDING", "")
	wantStages(t, c, "s", map[string][]string{v1: {"AWSPREVIOUS"}, v2: {"AWSCURRENT"}})
}
