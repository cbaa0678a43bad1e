package mototest_test

import (
	"bytes"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

const largest = 65_536

var writes = []operation{
	{"CreateSecret", func(tr *trial) (any, error) { return tr.create("s", v1, "one") }},
	{"CreateSecret without a value", func(tr *trial) (any, error) { return tr.create("s", v1, "") }},
	{"CreateSecret of a name that is taken", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.create("s", v2, "one")
	}},
	{"CreateSecret of a name that is taken, without a value", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.create("s", v1, "")
	}},
	{"CreateSecret once more, same token and value", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.create("s", v1, "one")
	}},
	{"CreateSecret once more, same token, another value", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.create("s", v1, "two")
	}},
	{"CreateSecret with a token of 31 characters", func(tr *trial) (any, error) { return tr.create("s", strings.Repeat("x", 31), "one") }},
	{"CreateSecret of a name of 512 characters", func(tr *trial) (any, error) { return tr.create(strings.Repeat("x", 512), v1, "one") }},
	{"CreateSecret of a name of 513 characters", func(tr *trial) (any, error) { return tr.create(strings.Repeat("x", 513), v1, "one") }},
	{"CreateSecret of an empty name", func(tr *trial) (any, error) { return tr.create("", v1, "one") }},
	{"CreateSecret of a name with a space", func(tr *trial) (any, error) { return tr.create("prod db", v1, "one") }},
	{"CreateSecret with both kinds of value", func(tr *trial) (any, error) {
		return tr.CreateSecret(tr.t.Context(), &secretsmanager.CreateSecretInput{
			Name: new("s"), ClientRequestToken: new(v1), SecretString: new("one"), SecretBinary: []byte("one"),
		})
	}},
	{"CreateSecret with a tag twice", func(tr *trial) (any, error) {
		return tr.CreateSecret(tr.t.Context(), &secretsmanager.CreateSecretInput{
			Name: new("s"), Tags: []types.Tag{{Key: new("k"), Value: new("1")}, {Key: new("k"), Value: new("2")}},
		})
	}},

	{"PutSecretValue", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.put("s", v2, "two")
	}},
	{"PutSecretValue with two stages", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.put("s", v2, "two", "green", "blue")
	}},
	{"PutSecretValue to an unknown secret", func(tr *trial) (any, error) { return tr.put("unknown", v1, "one") }},
	{"PutSecretValue by an ARN without its suffix", func(tr *trial) (any, error) {
		arn := tr.having("one")
		return tr.put(arn[:len(arn)-7], v2, "two")
	}},
	{"PutSecretValue without a value", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.PutSecretValue(tr.t.Context(), &secretsmanager.PutSecretValueInput{SecretId: new("s")})
	}},
	{"PutSecretValue of both kinds of value", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.PutSecretValue(tr.t.Context(), &secretsmanager.PutSecretValueInput{
			SecretId: new("s"), ClientRequestToken: new(v2), SecretString: new("two"), SecretBinary: []byte("two"),
		})
	}},
	{"PutSecretValue of an empty string", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.put("s", v2, "")
	}},
	{"PutSecretValue of 65,536 bytes", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.put("s", v2, strings.Repeat("x", largest))
	}},
	{"PutSecretValue of 65,537 bytes", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.put("s", v2, strings.Repeat("x", largest+1))
	}},
	{"PutSecretValue of 65,537 bytes, binary", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.PutSecretValue(tr.t.Context(), &secretsmanager.PutSecretValueInput{
			SecretId: new("s"), ClientRequestToken: new(v2), SecretBinary: bytes.Repeat([]byte("x"), largest+1),
		})
	}},
	{"PutSecretValue once more, same token and value", func(tr *trial) (any, error) {
		tr.having("one", "two")
		return tr.put("s", v2, "two")
	}},
	{"PutSecretValue once more, same token, another value", func(tr *trial) (any, error) {
		tr.having("one", "two")
		return tr.put("s", v2, "three")
	}},
	{"PutSecretValue once more, when it is previous: the stages", func(tr *trial) (any, error) {
		tr.having("one", "two")
		return tr.stages(tr.put("s", v1, "one"))
	}},
	{"PutSecretValue with a token of 31 characters", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.put("s", strings.Repeat("x", 31), "two")
	}},
	{"PutSecretValue to a secret without a value, as AWSPENDING", func(tr *trial) (any, error) {
		_, err := tr.create("s", "", "")
		tr.must(err)
		return tr.put("s", v1, "one", "AWSPENDING")
	}},
	{"PutSecretValue with a stage of 257 characters", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.put("s", v2, "two", strings.Repeat("x", 257))
	}},
	{"PutSecretValue with 21 stages", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.put("s", v2, "two", strings.Split("abcdefghijklmnopqrstu", "")...)
	}},

	{"UpdateSecret of the value", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.update("s", v2, "two", "")
	}},
	{"UpdateSecret of the value: the stages", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.stages(tr.update("s", v2, "two", ""))
	}},
	{"UpdateSecret of the description", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.update("s", v2, "", "main")
	}},
	{"UpdateSecret of the description: the stages", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.stages(tr.update("s", v2, "", "main"))
	}},
	{"UpdateSecret of nothing", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.update("s", "", "", "")
	}},
	{"UpdateSecret of an unknown secret", func(tr *trial) (any, error) { return tr.update("unknown", v1, "one", "") }},
	{"UpdateSecret once more, same token and value", func(tr *trial) (any, error) {
		tr.having("one", "two")
		return tr.update("s", v2, "two", "")
	}},
	{"UpdateSecret once more, same token, another value", func(tr *trial) (any, error) {
		tr.having("one", "two")
		return tr.update("s", v2, "three", "")
	}},
	{"UpdateSecret of a value of 65,537 bytes", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.update("s", v2, strings.Repeat("x", largest+1), "")
	}},
	{"UpdateSecret of a value that completes AWSPENDING: the stages", func(tr *trial) (any, error) {
		tr.having("one")
		_, err := tr.put("s", v2, "two", "AWSPENDING")
		tr.must(err)
		return tr.stages(tr.update("s", v3, "three", ""))
	}},
}
