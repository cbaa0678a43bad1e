package mototest_test

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

var reads = []operation{
	{"GetSecretValue", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.get("s", "", "")
	}},
	{"GetSecretValue of a binary value", func(tr *trial) (any, error) {
		_, err := tr.CreateSecret(tr.t.Context(), &secretsmanager.CreateSecretInput{
			Name: new("s"), ClientRequestToken: new(v1), SecretBinary: []byte("\x00\xff"),
		})
		tr.must(err)
		return tr.get("s", "", "")
	}},
	{"GetSecretValue of an unknown secret", func(tr *trial) (any, error) { return tr.get("unknown", "", "") }},
	{"GetSecretValue of a secret without a value", func(tr *trial) (any, error) {
		_, err := tr.create("s", "", "")
		tr.must(err)
		return tr.get("s", "", "")
	}},
	{"GetSecretValue by a stage that no version bears", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.get("s", "", "blue")
	}},
	{"GetSecretValue by an unknown version", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.get("s", v2, "")
	}},
	{"GetSecretValue by a version and its stage", func(tr *trial) (any, error) {
		tr.having("one", "two")
		return tr.get("s", v1, "AWSPREVIOUS")
	}},
	{"GetSecretValue by a version and another's stage", func(tr *trial) (any, error) {
		tr.having("one", "two")
		return tr.get("s", v1, "AWSCURRENT")
	}},
	{"GetSecretValue by an unknown version and a stage", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.get("s", v2, "AWSCURRENT")
	}},
	{"GetSecretValue by a deprecated version", func(tr *trial) (any, error) {
		tr.having("one", "two", "three")
		return tr.get("s", v1, "")
	}},
	{"GetSecretValue by a version ID of 31 characters", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.get("s", strings.Repeat("x", 31), "")
	}},
	{"GetSecretValue by a stage of 257 characters", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.get("s", "", strings.Repeat("x", 257))
	}},
	{"GetSecretValue of an ID of 2,049 characters", func(tr *trial) (any, error) { return tr.get(strings.Repeat("x", 2049), "", "") }},
	{"GetSecretValue of a name with a space", func(tr *trial) (any, error) { return tr.get("prod db", "", "") }},
	{"GetSecretValue by ARN", func(tr *trial) (any, error) { return tr.get(tr.having("one"), "", "") }},
	{"GetSecretValue by an ARN without its suffix", func(tr *trial) (any, error) {
		arn := tr.having("one")
		return tr.get(arn[:len(arn)-7], "", "")
	}},
	{"GetSecretValue by an ARN with another suffix", func(tr *trial) (any, error) {
		arn := tr.having("one")
		return tr.get(arn[:len(arn)-6]+"000000", "", "")
	}},
	{"GetSecretValue by an ARN without its suffix, of a name that ends like one", func(tr *trial) (any, error) {
		out, err := tr.create("s-a1b2c3", v1, "one")
		tr.must(err)
		arn := *out.(*secretsmanager.CreateSecretOutput).ARN
		return tr.get(arn[:len(arn)-7], "", "")
	}},

	{"BatchGetSecretValue", func(tr *trial) (any, error) {
		arn := tr.having("one")
		_, err := tr.create("t", v2, "two")
		tr.must(err)
		return tr.batch(arn, "t")
	}},
	{"BatchGetSecretValue of 21 IDs", func(tr *trial) (any, error) {
		var ids []string
		for i := range 21 {
			ids = append(ids, fmt.Sprint("s", i))
		}
		return tr.batch(ids...)
	}},
	{"BatchGetSecretValue with an unknown ID", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.batch("s", "unknown")
	}},
	{"BatchGetSecretValue with a deleted secret", func(tr *trial) (any, error) {
		tr.deleted()
		return tr.batch("s")
	}},
	{"BatchGetSecretValue with a secret without a value", func(tr *trial) (any, error) {
		_, err := tr.create("s", "", "")
		tr.must(err)
		return tr.batch("s")
	}},
	{"BatchGetSecretValue with IDs and filters", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.BatchGetSecretValue(tr.t.Context(), &secretsmanager.BatchGetSecretValueInput{
			SecretIdList: []string{"s"}, Filters: filtered([]string{"name=s"}),
		})
	}},
	{"BatchGetSecretValue with neither IDs nor filters", func(tr *trial) (any, error) { return tr.batch() }},
	{"BatchGetSecretValue with IDs and MaxResults", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.BatchGetSecretValue(tr.t.Context(), &secretsmanager.BatchGetSecretValueInput{
			SecretIdList: []string{"s"}, MaxResults: new(int32(1)),
		})
	}},
	{"BatchGetSecretValue by a filter", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.BatchGetSecretValue(tr.t.Context(), &secretsmanager.BatchGetSecretValueInput{Filters: filtered([]string{"name=s"})})
	}},
	{"BatchGetSecretValue by a filter that a deleted secret meets", func(tr *trial) (any, error) {
		tr.deleted()
		return tr.BatchGetSecretValue(tr.t.Context(), &secretsmanager.BatchGetSecretValueInput{Filters: filtered([]string{"name=s"})})
	}},
}
