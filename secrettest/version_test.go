package secrettest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/typedsecret/typedsecret/secrettest"
)

func allVersions(t testing.TB, c *secretsmanager.Client, id string) (ids []string) {
	t.Helper()
	pages := secretsmanager.NewListSecretVersionIdsPaginator(c, &secretsmanager.ListSecretVersionIdsInput{
		SecretId: &id, IncludeDeprecated: aws.Bool(true),
	})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range out.Versions {
			ids = append(ids, *v.VersionId)
		}
	}
	return ids
}

func TestVersionsOfTheLastDayAreAllKept(t *testing.T) {
	s := secrettest.New(t)
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	s.SetNow(func() time.Time { return now })
	c := client(t, s)
	s.Seed(t, "s", "first")
	kept := s.Put(t, "s", "kept", "precious")
	second := s.Rotate(t, "s", "second")
	for i := range 150 {
		s.Rotate(t, "s", fmt.Sprint("value ", i))
	}
	now = now.Add(24*time.Hour - 1)
	s.Rotate(t, "s", "last of the day")
	if ids := allVersions(t, c, "s"); len(ids) != 154 {
		t.Errorf("%d versions within a day, want 154", len(ids))
	}
	now = now.Add(1)
	s.Rotate(t, "s", "next day")
	ids := allVersions(t, c, "s")
	if len(ids) != 100 || ids[0] != kept {
		t.Errorf("%d versions after it, want 100, and the first is %s", len(ids), ids[0])
	}

	read := func(id string) error {
		_, err := c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("s"), VersionId: &id})
		return err
	}
	gone := "You can't perform this operation on secret version " + second + " because it was deleted."
	wantError(t, read(second), "InvalidRequestException", gone)
	_, err := c.UpdateSecretVersionStage(ctx, stageInput("s", "blue", "", second))
	wantError(t, err, "InvalidRequestException", gone)
	wantError(t, read(v1), "ResourceNotFoundException", "Secrets Manager can't find the specified secret value for VersionId: "+v1)
	if err := read(kept); err != nil {
		t.Errorf("a version with a label: %v", err)
	}
}

func TestASecretsVersionsHave20LabelsInAll(t *testing.T) {
	s := secrettest.New(t)
	c := client(t, s)
	create(t, c, "s", "one")
	put(t, c, "s", v2, "two")
	for i := range 9 {
		move(t, c, "s", fmt.Sprint("a", i), "", v1)
		move(t, c, "s", fmt.Sprint("b", i), "", v2)
	} // AWSCURRENT and AWSPREVIOUS count too
	_, err := c.UpdateSecretVersionStage(ctx, stageInput("s", "one too many", "", v1))
	wantError(t, err, "LimitExceededException", "")
	_, err = c.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: aws.String("s"), SecretString: aws.String("three"), VersionStages: []string{"one too many"}, ClientRequestToken: aws.String(v3),
	})
	wantError(t, err, "LimitExceededException", "")
	move(t, c, "s", "a0", v1, v2) // a move adds no label
	put(t, c, "s", v3, "three")
	move(t, c, "s", "b0", v2, "")
	move(t, c, "s", "another", "", v1)
}

// TestPagesSurviveDeletions deletes secrets that were listed, as a clean-up does, and some
// that are not listed yet. Each remaining secret is listed exactly once.
func TestPagesSurviveDeletions(t *testing.T) {
	for _, order := range types.SortOrderType("").Values() {
		for _, by := range append(types.SortByType("").Values(), "") {
			t.Run(fmt.Sprint(by, " ", order), func(t *testing.T) {
				s := secrettest.New(t)
				c := client(t, s)
				for i := range 30 {
					s.Seed(t, fmt.Sprintf("s%02d", i), "v")
				}
				remove := func(i int) {
					name := fmt.Sprintf("s%02d", i)
					if _, err := c.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: &name, ForceDeleteWithoutRecovery: aws.Bool(true)}); err != nil {
						t.Fatal(err)
					}
				}
				seen := map[string]int{}
				pages := secretsmanager.NewListSecretsPaginator(c, &secretsmanager.ListSecretsInput{
					MaxResults: aws.Int32(10), SortBy: by, SortOrder: order,
				})
				for n := 0; pages.HasMorePages(); n++ {
					out, err := pages.NextPage(ctx)
					if err != nil {
						t.Fatal(err)
					}
					for _, sec := range out.SecretList {
						seen[*sec.Name]++
					}
					if n == 0 { // deletes four secrets of the first page, also its last one
						for _, i := range []int{0, 4, 8, 9, 20, 21, 25, 29} {
							remove(i)
						}
					}
				}
				for i := range 30 {
					name := fmt.Sprintf("s%02d", i)
					if n := seen[name]; n > 1 || n == 0 && s.CallsFor(name) == 0 {
						t.Errorf("%s was listed %d times", name, n)
					}
				}
			})
		}
	}
}
