package secrettest_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/typedsecret/typedsecret/secrettest"
)

// from returns an SDK client for another region that talks to the server over its
// socket.
func from(t testing.TB, s *secrettest.Server, region string) *secretsmanager.Client {
	t.Helper()
	o := client(t, s).Options()
	o.Region = region
	return secretsmanager.New(o)
}

func to(regions ...string) (list []types.ReplicaRegionType) {
	for _, r := range regions {
		list = append(list, types.ReplicaRegionType{Region: &r})
	}
	return list
}

func replicate(t testing.TB, c *secretsmanager.Client, id string, regions ...string) []types.ReplicationStatusType {
	t.Helper()
	out, err := c.ReplicateSecretToRegions(ctx, &secretsmanager.ReplicateSecretToRegionsInput{SecretId: &id, AddReplicaRegions: to(regions...)})
	if err != nil {
		t.Fatal(err)
	}
	return out.ReplicationStatus
}

// states returns the region and the status of each replica.
func states(list []types.ReplicationStatusType) string {
	var text []string
	for _, r := range list {
		text = append(text, *r.Region+" "+string(r.Status))
	}
	return strings.Join(text, ", ")
}

func TestAReplicaFollowsItsPrimary(t *testing.T) {
	s := secrettest.New(t)
	c, far := client(t, s), from(t, s, "eu-west-1")
	arn := s.Seed(t, "s", "one")
	if err := get(ctx, far, "s"); err != nil {
		t.Errorf("before anything is replicated, each region sees the secrets: %v", err)
	}
	status := replicate(t, c, "s", "eu-west-1", "us-west-2")
	if got := states(status); got != "eu-west-1 InProgress, us-west-2 InProgress" || *status[0].KmsKeyId != "alias/aws/secretsmanager" {
		t.Errorf("ReplicateSecretToRegions = %s", got)
	}
	d := describe(t, c, "s")
	if got := states(d.ReplicationStatus); got != "eu-west-1 InSync, us-west-2 InSync" || *d.PrimaryRegion != "us-east-1" {
		t.Errorf("DescribeSecret = %s, %v", got, d.PrimaryRegion)
	}
	s.Rotate(t, "s", "two")
	farARN := strings.Replace(arn, "us-east-1", "eu-west-1", 1)
	for _, id := range []string{"s", farARN} {
		out, err := far.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &id})
		if err != nil || *out.SecretString != "two" || *out.ARN != farARN {
			t.Errorf("GetSecretValue(%s) = %v, %v", id, out, err)
		}
	}
	d = describe(t, far, "s")
	if *d.PrimaryRegion != "us-east-1" || *d.ARN != farARN || d.ReplicationStatus != nil || len(d.VersionIdsToStages) != 2 {
		t.Errorf("DescribeSecret of the replica = %+v", d)
	}
	if describe(t, c, "s").ReplicationStatus[0].LastAccessedDate == nil {
		t.Error("the replica was read, but has no LastAccessedDate")
	}
	list, err := far.ListSecrets(ctx, &secretsmanager.ListSecretsInput{Filters: filters("primary-region=us-east-1")})
	if err != nil || len(list.SecretList) != 1 {
		t.Errorf("ListSecrets by the primary's region = %v, %v", list, err)
	}

	const refused = "Operation not permitted on a replica secret. Call must be made in primary secret's region."
	_, err = far.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: aws.String("s"), SecretString: aws.String("x")})
	wantError(t, err, "InvalidParameterException", refused)
	_, err = far.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: aws.String("s")})
	wantError(t, err, "InvalidParameterException", refused)
	_, err = c.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: aws.String("s")})
	wantError(t, err, "InvalidParameterException", "You can't delete secret "+arn+" that still has replica regions [eu-west-1, us-west-2].")
}

func TestAReplicaIsPromotedOrRemoved(t *testing.T) {
	s := secrettest.New(t)
	c, west, europe := client(t, s), from(t, s, "us-west-2"), from(t, s, "eu-west-1")
	create(t, c, "s", "one")
	replicate(t, c, "s", "eu-west-1", "us-west-2")
	_, err := c.StopReplicationToReplica(ctx, &secretsmanager.StopReplicationToReplicaInput{SecretId: aws.String("s")})
	wantError(t, err, "InvalidRequestException", "")
	stopped, err := west.StopReplicationToReplica(ctx, &secretsmanager.StopReplicationToReplicaInput{SecretId: aws.String("s")})
	if err != nil || !strings.Contains(*stopped.ARN, ":us-west-2:") {
		t.Fatalf("StopReplicationToReplica = %v, %v", stopped, err)
	}
	put(t, west, "s", v2, "its own")
	wantStages(t, west, "s", map[string][]string{v1: {"AWSPREVIOUS"}, v2: {"AWSCURRENT"}})
	wantStages(t, c, "s", map[string][]string{v1: {"AWSCURRENT"}})
	wantStages(t, europe, "s", map[string][]string{v1: {"AWSCURRENT"}})
	if d := describe(t, west, "s"); d.PrimaryRegion != nil {
		t.Errorf("what was promoted has the primary region %s", *d.PrimaryRegion)
	}
	removed, err := c.RemoveRegionsFromReplication(ctx, &secretsmanager.RemoveRegionsFromReplicationInput{
		SecretId: aws.String("s"), RemoveReplicaRegions: []string{"eu-west-1", "us-west-2", "ap-south-1"},
	})
	if err != nil || len(removed.ReplicationStatus) != 0 {
		t.Errorf("RemoveRegionsFromReplication = %v, %v", removed, err)
	}
	wantError(t, get(ctx, europe, "s"), "ResourceNotFoundException", "")
	if d := describe(t, c, "s"); d.ReplicationStatus != nil || d.PrimaryRegion != nil {
		t.Errorf("DescribeSecret = %+v", d)
	}
	s.Delete(t, "s")
	if err := get(ctx, west, "s"); err != nil {
		t.Errorf("what was promoted went with the primary: %v", err)
	}
}

func TestAReplicaDoesNotOverwriteASecretUnlessForced(t *testing.T) {
	s := secrettest.New(t)
	c, far := client(t, s), from(t, s, "eu-west-1")
	s.Seed(t, "first", "x")
	replicate(t, c, "first", "eu-west-1") // the region has its own secrets from here on
	s.Seed(t, "s", "near")
	if _, err := far.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String("s"), SecretString: aws.String("far")}); err != nil {
		t.Fatal(err)
	}
	status := replicate(t, c, "s", "eu-west-1")
	if states(status) != "eu-west-1 Failed" || !strings.Contains(*status[0].StatusMessage, "Secret with this name already exists") {
		t.Errorf("status = %s %v", states(status), *status[0].StatusMessage)
	}
	read := func() string {
		out, err := far.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("s")})
		if err != nil {
			t.Fatal(err)
		}
		return *out.SecretString
	}
	if read() != "far" {
		t.Error("the secret is overwritten")
	}
	_, err := c.ReplicateSecretToRegions(ctx, &secretsmanager.ReplicateSecretToRegionsInput{
		SecretId: aws.String("s"), AddReplicaRegions: to("eu-west-1"), ForceOverwriteReplicaSecret: true,
	})
	if err != nil || read() != "near" || states(describe(t, c, "s").ReplicationStatus) != "eu-west-1 InSync" {
		t.Errorf("by force: %v, %s", err, read())
	}

	for _, regions := range [][]string{{"us-east-1"}, {"eu-west-2", "eu-west-2"}} {
		_, err := c.ReplicateSecretToRegions(ctx, &secretsmanager.ReplicateSecretToRegionsInput{SecretId: aws.String("s"), AddReplicaRegions: to(regions...)})
		wantError(t, err, "InvalidParameterException", "Invalid replica region.")
	}
	out, err := c.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
		Name: aws.String("t"), SecretString: aws.String("one"), AddReplicaRegions: to("ap-south-1"),
	})
	if err != nil || states(out.ReplicationStatus) != "ap-south-1 InProgress" {
		t.Fatalf("CreateSecret = %v, %v", out, err)
	}
	if err := get(ctx, from(t, s, "ap-south-1"), "t"); err != nil {
		t.Error(err)
	}
}

func TestKMSKeys(t *testing.T) {
	s := secrettest.New(t)
	c := client(t, s)
	const id = "1234abcd-12ab-34cd-56ef-1234567890ab"
	for i, row := range []struct{ key, shown string }{
		{"", ""},
		{"alias/aws/secretsmanager", ""},
		{"arn:aws:kms:us-east-1:123456789012:alias/aws/secretsmanager", ""},
		{id, id},
		{"mrk-1234abcd12ab34cd56ef1234567890ab", "mrk-1234abcd12ab34cd56ef1234567890ab"},
		{"alias/app", "alias/app"},
		{"arn:aws:kms:us-east-1:123456789012:key/" + id, "arn:aws:kms:us-east-1:123456789012:key/" + id},
		{"arn:aws-cn:kms:cn-north-1:123456789012:alias/app", "arn:aws-cn:kms:cn-north-1:123456789012:alias/app"},
	} {
		name := string(rune('a' + i))
		if _, err := c.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: &name, KmsKeyId: &row.key, SecretString: aws.String("x")}); err != nil {
			t.Errorf("%q: %v", row.key, err)
			continue
		}
		if got := describe(t, c, name).KmsKeyId; aws.ToString(got) != row.shown || (got == nil) != (row.shown == "") {
			t.Errorf("%q is shown as %v", row.key, got)
		}
		if row.shown != "" {
			continue
		}
		versions, err := c.ListSecretVersionIds(ctx, &secretsmanager.ListSecretVersionIdsInput{SecretId: &name})
		if err != nil || versions.Versions[0].KmsKeyIds[0] != "DefaultEncryptionKey" {
			t.Errorf("%q: ListSecretVersionIds = %+v, %v", row.key, versions, err)
		}
	}
	for _, key := range []string{
		"no-key", "key/" + id, id + "x", "alias/", "alias/a b",
		"arn:aws:kms:us-east-1:123456789012:" + id, "arn:aws:kms:us-east-1:123456789012:key/x", "arn:aws:s3:::bucket",
	} {
		const message = "The operation failed because of an invalid KMS key: Invalid keyId"
		_, err := c.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String("z"), KmsKeyId: &key})
		wantError(t, err, "InvalidParameterException", message)
		_, err = c.UpdateSecret(ctx, &secretsmanager.UpdateSecretInput{SecretId: aws.String("d"), KmsKeyId: &key})
		wantError(t, err, "InvalidParameterException", message)
		_, err = c.ReplicateSecretToRegions(ctx, &secretsmanager.ReplicateSecretToRegionsInput{
			SecretId: aws.String("d"), AddReplicaRegions: []types.ReplicaRegionType{{Region: aws.String("eu-west-1"), KmsKeyId: &key}},
		})
		wantError(t, err, "InvalidParameterException", message)
	}
	if _, err := c.UpdateSecret(ctx, &secretsmanager.UpdateSecretInput{SecretId: aws.String("d"), KmsKeyId: aws.String("")}); err != nil {
		t.Fatal(err)
	}
	if d := describe(t, c, "d"); d.KmsKeyId != nil {
		t.Errorf("after an update to none the key is %s", *d.KmsKeyId)
	}
	wantError(t, get(ctx, c, "z"), "ResourceNotFoundException", "")
}
