package mototest_test

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

var lives = []operation{
	{"DeleteSecret", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.remove("s", 7)
	}},
	{"DeleteSecret by force", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.remove("s", 0)
	}},
	{"DeleteSecret of an unknown secret", func(tr *trial) (any, error) { return tr.remove("unknown", 7) }},
	{"DeleteSecret by force of an unknown secret", func(tr *trial) (any, error) {
		_, err := tr.remove("unknown", 0)
		return nil, err
	}},
	{"DeleteSecret with a window of 6 days", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.remove("s", 6)
	}},
	{"DeleteSecret by force with a window", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.DeleteSecret(tr.t.Context(), &secretsmanager.DeleteSecretInput{
			SecretId: new("s"), RecoveryWindowInDays: new(int64(7)), ForceDeleteWithoutRecovery: new(true),
		})
	}},
	{"GetSecretValue after DeleteSecret by force", func(tr *trial) (any, error) {
		tr.having("one")
		_, err := tr.remove("s", 0)
		tr.must(err)
		return tr.get("s", "", "")
	}},
	{"CreateSecret after DeleteSecret by force", func(tr *trial) (any, error) {
		tr.having("one")
		_, err := tr.remove("s", 0)
		tr.must(err)
		return tr.create("s", v2, "two")
	}},
	{"GetSecretValue of a deleted secret", onDeleted(func(tr *trial) (any, error) { return tr.get("s", "", "") })},
	{"GetSecretValue of a deleted secret by a stage that no version bears", onDeleted(func(tr *trial) (any, error) { return tr.get("s", "", "blue") })},
	{"PutSecretValue to a deleted secret", onDeleted(func(tr *trial) (any, error) { return tr.put("s", v2, "two") })},
	{"UpdateSecret of a deleted secret", onDeleted(func(tr *trial) (any, error) { return tr.update("s", v2, "two", "") })},
	{"UpdateSecretVersionStage of a deleted secret", onDeleted(func(tr *trial) (any, error) { return tr.move("s", "blue", "", v1) })},
	{"DescribeSecret of a deleted secret", onDeleted(func(tr *trial) (any, error) { return tr.describe("s") })},
	{"DescribeSecret of a deleted secret: what DeletedDate says", onDeleted(func(tr *trial) (any, error) {
		out, err := tr.describe("s")
		tr.must(err)
		d := out.(*secretsmanager.DescribeSecretOutput)
		if d.DeletedDate.Sub(*d.CreatedDate).Hours() < 1 {
			return "when DeleteSecret was called", nil
		}
		return "when the recovery window ends", nil
	})},
	{"ListSecretVersionIds of a deleted secret: the stages", onDeleted(func(tr *trial) (any, error) { return tr.stages(nil, nil) })},
	{"DeleteSecret of a deleted secret", onDeleted(func(tr *trial) (any, error) { return tr.remove("s", 7) })},
	{"DeleteSecret by force of a deleted secret", onDeleted(func(tr *trial) (any, error) { return tr.remove("s", 0) })},
	{"CreateSecret over a deleted secret", onDeleted(func(tr *trial) (any, error) { return tr.create("s", v2, "two") })},
	{"CreateSecret over a deleted secret, same token and value", onDeleted(func(tr *trial) (any, error) { return tr.create("s", v1, "one") })},
	{"TagResource of a deleted secret", onDeleted(func(tr *trial) (any, error) { return tr.tag("s", "k") })},
	{"UntagResource of a deleted secret", onDeleted(func(tr *trial) (any, error) { return tr.untag("s", "k") })},
	{"RotateSecret of a deleted secret", onDeleted(func(tr *trial) (any, error) { return tr.rotate("s", "") })},
	{"ListSecrets without a deleted secret", onDeleted(func(tr *trial) (any, error) { return tr.list() })},
	{"ListSecrets with a deleted secret", onDeleted(func(tr *trial) (any, error) {
		out, err := tr.ListSecrets(tr.t.Context(), &secretsmanager.ListSecretsInput{IncludePlannedDeletion: new(true)})
		tr.must(err)
		return names(out.SecretList), nil
	})},
	{"RestoreSecret", onDeleted(func(tr *trial) (any, error) { return tr.restore("s") })},
	{"GetSecretValue after RestoreSecret", onDeleted(func(tr *trial) (any, error) {
		_, err := tr.restore("s")
		tr.must(err)
		return tr.get("s", "", "")
	})},
	{"RestoreSecret of a secret that is not deleted", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.restore("s")
	}},
	{"RestoreSecret of an unknown secret", func(tr *trial) (any, error) { return tr.restore("unknown") }},

	{"RotateSecret without a function", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.rotate("s", "")
	}},
	{"RotateSecret without a function: the stages", func(tr *trial) (any, error) {
		tr.having("one")
		tr.rotate("s", "")
		return tr.stages(nil, nil)
	}},
	{"RotateSecret of an unknown secret", func(tr *trial) (any, error) { return tr.rotate("unknown", "") }},
	{"RotateSecret with a function that there is not", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.rotate("s", "arn:aws:lambda:us-east-1:123456789012:function:unknown")
	}},
	{"RotateSecret every 0 days", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.RotateSecret(tr.t.Context(), &secretsmanager.RotateSecretInput{
			SecretId: new("s"), RotationRules: &types.RotationRulesType{AutomaticallyAfterDays: new(int64(0))},
		})
	}},
	{"CancelRotateSecret of a secret that is not rotated", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.CancelRotateSecret(tr.t.Context(), &secretsmanager.CancelRotateSecretInput{SecretId: new("s")})
	}},

	{"TagResource", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.tag("s", "k")
	}},
	{"TagResource of an unknown secret", func(tr *trial) (any, error) { return tr.tag("unknown", "k") }},
	{"TagResource with a key of AWS's", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.tag("s", "aws:k")
	}},
	{"TagResource with a key of 129 characters", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.tag("s", strings.Repeat("x", 129))
	}},
	{"UntagResource of a key that the secret lacks", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.untag("s", "k")
	}},
	{"UntagResource of an unknown secret", func(tr *trial) (any, error) { return tr.untag("unknown", "k") }},
}

// onDeleted returns an operation that first makes a deleted secret s.
func onDeleted(run func(*trial) (any, error)) func(*trial) (any, error) {
	return func(tr *trial) (any, error) {
		tr.t.Helper()
		tr.deleted()
		return run(tr)
	}
}

func (tr *trial) untag(id, key string) (any, error) {
	return tr.UntagResource(tr.t.Context(), &secretsmanager.UntagResourceInput{SecretId: &id, TagKeys: []string{key}})
}

func (tr *trial) rotate(id, function string) (any, error) {
	return tr.RotateSecret(tr.t.Context(), &secretsmanager.RotateSecretInput{
		SecretId: &id, ClientRequestToken: new(v4), RotationLambdaARN: absent(function),
	})
}
