package mototest_test

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

const (
	letters     = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	rolePolicy  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:role/app"},"Action":"secretsmanager:GetSecretValue","Resource":"*"}]}`
	otherRegion = "eu-west-1"
)

var passwords = []operation{
	{"GetRandomPassword: its length", func(tr *trial) (any, error) { return tr.password(&secretsmanager.GetRandomPasswordInput{}) }},
	{"GetRandomPassword of 4 characters: its length", func(tr *trial) (any, error) {
		return tr.password(&secretsmanager.GetRandomPasswordInput{PasswordLength: new(int64(4))})
	}},
	{"GetRandomPassword of 3 characters", func(tr *trial) (any, error) {
		return tr.password(&secretsmanager.GetRandomPasswordInput{PasswordLength: new(int64(3))})
	}},
	{"GetRandomPassword of 3 characters, of any types: its length", func(tr *trial) (any, error) {
		return tr.password(&secretsmanager.GetRandomPasswordInput{PasswordLength: new(int64(3)), RequireEachIncludedType: new(false)})
	}},
	{"GetRandomPassword of 2 letters: its length", func(tr *trial) (any, error) {
		return tr.password(&secretsmanager.GetRandomPasswordInput{PasswordLength: new(int64(2)), ExcludeNumbers: new(true), ExcludePunctuation: new(true)})
	}},
	{"GetRandomPassword of 4,097 characters", func(tr *trial) (any, error) {
		return tr.password(&secretsmanager.GetRandomPasswordInput{PasswordLength: new(int64(4097))})
	}},
	{"GetRandomPassword without letters, by ExcludeCharacters: its length", func(tr *trial) (any, error) {
		return tr.password(&secretsmanager.GetRandomPasswordInput{ExcludeCharacters: new(letters)})
	}},
	{"GetRandomPassword without any type", func(tr *trial) (any, error) {
		return tr.password(&secretsmanager.GetRandomPasswordInput{
			ExcludeLowercase: new(true), ExcludeUppercase: new(true), ExcludeNumbers: new(true), ExcludePunctuation: new(true),
		})
	}},
}

var policies = []operation{
	{"GetResourcePolicy where there is none", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.policy("s")
	}},
	{"PutResourcePolicy", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.putPolicy("s", rolePolicy, false)
	}},
	{"GetResourcePolicy", func(tr *trial) (any, error) {
		tr.having("one")
		_, err := tr.putPolicy("s", rolePolicy, false)
		tr.must(err)
		return tr.policy("s")
	}},
	{"GetResourcePolicy after DeleteResourcePolicy", func(tr *trial) (any, error) {
		tr.having("one")
		_, err := tr.putPolicy("s", rolePolicy, false)
		tr.must(err)
		_, err = tr.DeleteResourcePolicy(tr.t.Context(), &secretsmanager.DeleteResourcePolicyInput{SecretId: new("s")})
		tr.must(err)
		return tr.policy("s")
	}},
	{"GetResourcePolicy of a deleted secret", onDeleted(func(tr *trial) (any, error) { return tr.policy("s") })},
	{"GetResourcePolicy of an unknown secret", func(tr *trial) (any, error) { return tr.policy("unknown") }},
	{"PutResourcePolicy of what is no JSON", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.putPolicy("s", "{", false)
	}},
	{"PutResourcePolicy of a public one, which is blocked", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.putPolicy("s", strings.Replace(rolePolicy, `{"AWS":"arn:aws:iam::123456789012:role/app"}`, `"*"`, 1), true)
	}},
	{"ValidateResourcePolicy", func(tr *trial) (any, error) {
		return tr.ValidateResourcePolicy(tr.t.Context(), &secretsmanager.ValidateResourcePolicyInput{ResourcePolicy: new(rolePolicy)})
	}},
}

var replications = []operation{
	{"ReplicateSecretToRegions: the region's status", func(tr *trial) (any, error) {
		tr.having("one")
		out, err := tr.replicate(otherRegion)
		tr.must(err)
		return out.(*secretsmanager.ReplicateSecretToRegionsOutput).ReplicationStatus, nil
	}},
	{"ReplicateSecretToRegions: the ARN", func(tr *trial) (any, error) {
		tr.having("one")
		out, err := tr.replicate(otherRegion)
		tr.must(err)
		return *out.(*secretsmanager.ReplicateSecretToRegionsOutput).ARN, nil
	}},
	{"DescribeSecret of a replicated secret", func(tr *trial) (any, error) {
		tr.having("one")
		_, err := tr.replicate(otherRegion)
		tr.must(err)
		return tr.describe("s")
	}},
	{"ReplicateSecretToRegions to the secret's own", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.replicate("us-east-1")
	}},
	{"ReplicateSecretToRegions to one that is none", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.replicate("Mars")
	}},
	{"DeleteSecret of a replicated secret", func(tr *trial) (any, error) {
		tr.having("one")
		_, err := tr.replicate(otherRegion)
		tr.must(err)
		return tr.remove("s", 7)
	}},
	{"RemoveRegionsFromReplication: the status", func(tr *trial) (any, error) {
		tr.having("one")
		_, err := tr.replicate(otherRegion)
		tr.must(err)
		out, err := tr.RemoveRegionsFromReplication(tr.t.Context(), &secretsmanager.RemoveRegionsFromReplicationInput{
			SecretId: new("s"), RemoveReplicaRegions: []string{otherRegion},
		})
		tr.must(err)
		return len(out.ReplicationStatus), nil
	}},
	{"StopReplicationToReplica of a secret that is no replica", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.StopReplicationToReplica(tr.t.Context(), &secretsmanager.StopReplicationToReplicaInput{SecretId: new("s")})
	}},
}

var settings = []operation{
	{"CreateSecret with a KMS key that is none", func(tr *trial) (any, error) {
		return tr.CreateSecret(tr.t.Context(), &secretsmanager.CreateSecretInput{Name: new("s"), KmsKeyId: new("no key")})
	}},
	{"DescribeSecret with alias/aws/secretsmanager: KmsKeyId", func(tr *trial) (any, error) {
		_, err := tr.CreateSecret(tr.t.Context(), &secretsmanager.CreateSecretInput{Name: new("s"), KmsKeyId: new("alias/aws/secretsmanager")})
		tr.must(err)
		out, err := tr.describe("s")
		tr.must(err)
		return fmt.Sprint(out.(*secretsmanager.DescribeSecretOutput).KmsKeyId != nil), nil
	}},
	{"UpdateSecretVersionStage of a secret's 21st label", func(tr *trial) (any, error) {
		tr.having("one", "two")
		for i := range 18 {
			_, err := tr.move("s", fmt.Sprint("label", i), "", []string{v1, v2}[i%2])
			tr.must(err)
		}
		return tr.move("s", "one too many", "", v1)
	}},
	{"RotateSecret by days and by a schedule", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.rules(types.RotationRulesType{AutomaticallyAfterDays: new(int64(1)), ScheduleExpression: new("rate(1 day)")})
	}},
	{"RotateSecret by a schedule that is none", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.rules(types.RotationRulesType{ScheduleExpression: new("every day")})
	}},
	{"RotateSecret in a window of 90m", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.rules(types.RotationRulesType{ScheduleExpression: new("rate(1 day)"), Duration: new("90m")})
	}},
	{"ListSecrets in pages, the first of which is deleted before the second: how many of four are listed", func(tr *trial) (any, error) {
		for i := range 4 {
			_, err := tr.create(fmt.Sprint("s", i), "", "")
			tr.must(err)
		}
		first, err := tr.ListSecrets(tr.t.Context(), &secretsmanager.ListSecretsInput{MaxResults: new(int32(2))})
		tr.must(err)
		for _, s := range first.SecretList {
			_, err := tr.remove(*s.Name, 0)
			tr.must(err)
		}
		second, err := tr.ListSecrets(tr.t.Context(), &secretsmanager.ListSecretsInput{NextToken: first.NextToken})
		tr.must(err)
		return len(first.SecretList) + len(second.SecretList), nil
	}},
}

func (tr *trial) password(in *secretsmanager.GetRandomPasswordInput) (any, error) {
	out, err := tr.GetRandomPassword(tr.t.Context(), in)
	if err != nil {
		return nil, err
	}
	return len(*out.RandomPassword), nil
}

func (tr *trial) policy(id string) (any, error) {
	return tr.GetResourcePolicy(tr.t.Context(), &secretsmanager.GetResourcePolicyInput{SecretId: &id})
}

func (tr *trial) putPolicy(id, text string, block bool) (any, error) {
	return tr.PutResourcePolicy(tr.t.Context(), &secretsmanager.PutResourcePolicyInput{SecretId: &id, ResourcePolicy: &text, BlockPublicPolicy: &block})
}

func (tr *trial) replicate(region string) (any, error) {
	return tr.ReplicateSecretToRegions(tr.t.Context(), &secretsmanager.ReplicateSecretToRegionsInput{
		SecretId: new("s"), AddReplicaRegions: []types.ReplicaRegionType{{Region: &region}},
	})
}

func (tr *trial) rules(rules types.RotationRulesType) (any, error) {
	return tr.RotateSecret(tr.t.Context(), &secretsmanager.RotateSecretInput{SecretId: new("s"), RotationRules: &rules})
}
