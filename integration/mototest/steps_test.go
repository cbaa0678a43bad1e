package mototest_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// absent returns nil, for an absent parameter, if the string is empty.
func absent(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (tr *trial) get(id, version, stage string) (any, error) {
	return tr.GetSecretValue(tr.t.Context(), &secretsmanager.GetSecretValueInput{
		SecretId: &id, VersionId: absent(version), VersionStage: absent(stage),
	})
}

func (tr *trial) create(name, version, value string) (any, error) {
	return tr.CreateSecret(tr.t.Context(), &secretsmanager.CreateSecretInput{
		Name: &name, ClientRequestToken: absent(version), SecretString: absent(value),
	})
}

func (tr *trial) put(id, version, value string, stages ...string) (any, error) {
	return tr.PutSecretValue(tr.t.Context(), &secretsmanager.PutSecretValueInput{
		SecretId: &id, ClientRequestToken: absent(version), SecretString: &value, VersionStages: stages,
	})
}

func (tr *trial) update(id, version, value, description string) (any, error) {
	return tr.UpdateSecret(tr.t.Context(), &secretsmanager.UpdateSecretInput{
		SecretId: &id, ClientRequestToken: absent(version), SecretString: absent(value), Description: absent(description),
	})
}

func (tr *trial) move(id, stage, from, to string) (any, error) {
	return tr.UpdateSecretVersionStage(tr.t.Context(), &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: &id, VersionStage: &stage, RemoveFromVersionId: absent(from), MoveToVersionId: absent(to),
	})
}

// remove deletes a secret, by force if days is 0.
func (tr *trial) remove(id string, days int64) (any, error) {
	in := &secretsmanager.DeleteSecretInput{SecretId: &id, RecoveryWindowInDays: &days}
	if days == 0 {
		in.RecoveryWindowInDays, in.ForceDeleteWithoutRecovery = nil, new(true)
	}
	return tr.DeleteSecret(tr.t.Context(), in)
}

func (tr *trial) restore(id string) (any, error) {
	return tr.RestoreSecret(tr.t.Context(), &secretsmanager.RestoreSecretInput{SecretId: &id})
}

func (tr *trial) describe(id string) (any, error) {
	return tr.DescribeSecret(tr.t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &id})
}

func (tr *trial) batch(ids ...string) (any, error) {
	return tr.BatchGetSecretValue(tr.t.Context(), &secretsmanager.BatchGetSecretValueInput{SecretIdList: ids})
}

func (tr *trial) tag(id string, keys ...string) (any, error) {
	var tags []types.Tag
	for _, key := range keys {
		tags = append(tags, types.Tag{Key: new(key), Value: new("v")})
	}
	return tr.TagResource(tr.t.Context(), &secretsmanager.TagResourceInput{SecretId: &id, Tags: tags})
}

// having makes a secret s with a version for each value, v1 first. Each version was current
// when it was new. It returns the ARN.
func (tr *trial) having(values ...string) string {
	tr.t.Helper()
	out, err := tr.create("s", v1, values[0])
	tr.must(err)
	for i, value := range values[1:] {
		_, err := tr.put("s", []string{v2, v3, v4}[i], value)
		tr.must(err)
	}
	return *out.(*secretsmanager.CreateSecretOutput).ARN
}

// deleted makes a secret s and deletes it.
func (tr *trial) deleted() {
	tr.t.Helper()
	tr.having("one")
	_, err := tr.remove("s", 7)
	tr.must(err)
}

// stages returns the labels of the versions of the secret s, if err is nil. It calls
// ListSecretVersionIds.
func (tr *trial) stages(_ any, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	out, err := tr.ListSecretVersionIds(tr.t.Context(), &secretsmanager.ListSecretVersionIdsInput{SecretId: new("s")})
	tr.must(err)
	byVersion := map[string]string{}
	for _, v := range out.Versions {
		if len(v.VersionStages) > 0 {
			byVersion[*v.VersionId] = strings.Join(slices.Sorted(slices.Values(v.VersionStages)), "+")
		}
	}
	var lines []string
	for _, id := range slices.Sorted(maps.Keys(byVersion)) {
		lines = append(lines, fmt.Sprintf("%s %s", id, byVersion[id]))
	}
	return strings.Join(lines, ", "), nil
}

// list returns the names of the secrets that match the filters, which have the form
// key=value.
func (tr *trial) list(filters ...string) (any, error) {
	out, err := tr.ListSecrets(tr.t.Context(), &secretsmanager.ListSecretsInput{Filters: filtered(filters)})
	if err != nil {
		return nil, err
	}
	return names(out.SecretList), nil
}

func filtered(filters []string) (fs []types.Filter) {
	for _, f := range filters {
		key, values, _ := strings.Cut(f, "=")
		fs = append(fs, types.Filter{Key: types.FilterNameStringType(key), Values: strings.Split(values, ",")})
	}
	return fs
}

func names(list []types.SecretListEntry) string {
	found := []string{}
	for _, s := range list {
		found = append(found, *s.Name)
	}
	slices.Sort(found)
	return fmt.Sprintf("%d: %s", len(found), strings.Join(found, " "))
}
