package mototest_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

var lists = []operation{
	{"DescribeSecret", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.describe("s")
	}},
	{"DescribeSecret after a read", func(tr *trial) (any, error) {
		tr.having("one")
		_, err := tr.get("s", "", "")
		tr.must(err)
		return tr.describe("s")
	}},
	{"DescribeSecret of an unknown secret", func(tr *trial) (any, error) { return tr.describe("unknown") }},
	{"DescribeSecret of a secret without a value", func(tr *trial) (any, error) {
		_, err := tr.create("s", "", "")
		tr.must(err)
		return tr.describe("s")
	}},
	{"DescribeSecret with a deprecated version: VersionIdsToStages", func(tr *trial) (any, error) {
		tr.having("one", "two", "three")
		out, err := tr.describe("s")
		tr.must(err)
		return out.(*secretsmanager.DescribeSecretOutput).VersionIdsToStages, nil
	}},
	{"DescribeSecret after the last tag is removed: Tags", func(tr *trial) (any, error) {
		tr.having("one")
		_, err := tr.tag("s", "k")
		tr.must(err)
		_, err = tr.untag("s", "k")
		tr.must(err)
		out, err := tr.describe("s")
		tr.must(err)
		return canonical(out.(*secretsmanager.DescribeSecretOutput).Tags), nil
	}},
	{"DescribeSecret after UpdateSecret of a tagged secret's description", func(tr *trial) (any, error) {
		tr.having("one")
		_, err := tr.tag("s", "k")
		tr.must(err)
		_, err = tr.update("s", v2, "", "main")
		tr.must(err)
		out, err := tr.describe("s")
		tr.must(err)
		d := out.(*secretsmanager.DescribeSecretOutput)
		return map[string]any{"Description": d.Description, "Tags": d.Tags}, nil
	}},

	{"ListSecretVersionIds", func(tr *trial) (any, error) {
		tr.having("one", "two")
		return tr.versions("s", false)
	}},
	{"ListSecretVersionIds of an unknown secret", func(tr *trial) (any, error) { return tr.versions("unknown", false) }},
	{"ListSecretVersionIds without deprecated versions: how many of three", func(tr *trial) (any, error) { return tr.countVersions(false) }},
	{"ListSecretVersionIds with deprecated versions: how many of three", func(tr *trial) (any, error) { return tr.countVersions(true) }},
	{"ListSecretVersionIds in pages: how many in the first of two", func(tr *trial) (any, error) {
		tr.having("one", "two")
		out, err := tr.ListSecretVersionIds(tr.t.Context(), &secretsmanager.ListSecretVersionIdsInput{SecretId: new("s"), MaxResults: new(int32(1))})
		tr.must(err)
		return fmt.Sprintf("%d, more to come: %t", len(out.Versions), out.NextToken != nil && *out.NextToken != ""), nil
	}},

	{"ListSecrets", func(tr *trial) (any, error) {
		tr.having("one", "two", "three")
		return tr.ListSecrets(tr.t.Context(), &secretsmanager.ListSecretsInput{})
	}},
	{"ListSecrets by name", shelf("name=prod")},
	{"ListSecrets by name, case apart", shelf("name=PROD")},
	{"ListSecrets by what is inside a name", shelf("name=db")},
	{"ListSecrets by either of two names", shelf("name=prod/db,test")},
	{"ListSecrets by two filters", shelf("name=prod", "tag-value=core")},
	{"ListSecrets but for a name", shelf("name=!prod")},
	{"ListSecrets by name but for another", shelf("name=prod,!prod/api")},
	{"ListSecrets by tag key", shelf("tag-key=te")},
	{"ListSecrets by tag value", shelf("tag-value=core")},
	{"ListSecrets but for a tag value", shelf("tag-value=!core")},
	{"ListSecrets by the start of a description", shelf("description=Main d")},
	{"ListSecrets by a word inside a description", shelf("description=database")},
	{"ListSecrets by a part of a word of a description", shelf("description=base")},
	{"ListSecrets by two words of a description that are apart", shelf("description=main nightly")},
	{"ListSecrets by a word anywhere", shelf("all=core")},
	{"ListSecrets by a part of a word anywhere", shelf("all=ore")},
	{"ListSecrets by two words anywhere, of which one is found", shelf("all=spare gateway")},
	{"ListSecrets by a word inside a name", shelf("all=db")},
	{"ListSecrets by an unknown key", shelf("colour=blue")},
	{"ListSecrets in pages: how many in the first of three", func(tr *trial) (any, error) {
		tr.shelf()
		out, err := tr.ListSecrets(tr.t.Context(), &secretsmanager.ListSecretsInput{MaxResults: new(int32(1))})
		tr.must(err)
		return fmt.Sprintf("%d, more to come: %t", len(out.SecretList), out.NextToken != nil), nil
	}},
	{"ListSecrets with MaxResults of 101", func(tr *trial) (any, error) {
		out, err := tr.ListSecrets(tr.t.Context(), &secretsmanager.ListSecretsInput{MaxResults: new(int32(101))})
		if err != nil {
			return nil, err
		}
		return names(out.SecretList), nil
	}},
	{"ListSecrets with a token that is none", func(tr *trial) (any, error) {
		out, err := tr.ListSecrets(tr.t.Context(), &secretsmanager.ListSecretsInput{NextToken: new("none")})
		if err != nil {
			return nil, err
		}
		return names(out.SecretList), nil
	}},
	{"ListSecrets sorted by name, downwards", func(tr *trial) (any, error) {
		tr.shelf()
		out, err := tr.ListSecrets(tr.t.Context(), &secretsmanager.ListSecretsInput{SortBy: types.SortByTypeName, SortOrder: types.SortOrderTypeDesc})
		tr.must(err)
		var found []string
		for _, s := range out.SecretList {
			found = append(found, *s.Name)
		}
		return strings.Join(found, " "), nil
	}},
}

// shelf returns an operation that makes a few secrets and lists them by filters.
func shelf(filters ...string) func(*trial) (any, error) {
	return func(tr *trial) (any, error) {
		tr.t.Helper()
		tr.shelf()
		return tr.list(filters...)
	}
}

func (tr *trial) shelf() {
	tr.t.Helper()
	for _, s := range []struct{ name, description, tag string }{
		{"prod/db", "Main database, copied nightly", "core"},
		{"test/db", "A spare", "core"},
		{"prod/api", "Gateway", "edge"},
	} {
		_, err := tr.CreateSecret(tr.t.Context(), &secretsmanager.CreateSecretInput{
			Name: new(s.name), Description: new(s.description), SecretString: new("v"),
			Tags: []types.Tag{{Key: new("team"), Value: new(s.tag)}},
		})
		tr.must(err)
	}
}

func (tr *trial) versions(id string, deprecated bool) (any, error) {
	return tr.ListSecretVersionIds(tr.t.Context(), &secretsmanager.ListSecretVersionIdsInput{SecretId: &id, IncludeDeprecated: &deprecated})
}

func (tr *trial) countVersions(deprecated bool) (any, error) {
	tr.t.Helper()
	tr.having("one", "two", "three")
	out, err := tr.versions("s", deprecated)
	tr.must(err)
	return fmt.Sprint(len(out.(*secretsmanager.ListSecretVersionIdsOutput).Versions)), nil
}

// operations are all operations that are compared.
var operations = slices.Concat(reads, writes, stageMoves, lives, lists, passwords, policies, replications, settings)
