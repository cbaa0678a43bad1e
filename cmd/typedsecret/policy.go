package main

import (
	"errors"
	"flag"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/policy"
	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/report"
)

func policyFlags(flags *flag.FlagSet, o *options) {
	tagsFlag(flags, o)
	formatFlag(flags, o, policy.Formats)
	flags.StringVar(&o.partition, "partition", "aws", "`partition` of the secrets: aws, aws-cn or aws-us-gov")
	flags.StringVar(&o.region, "region", "*", "`region` of the secrets")
	flags.StringVar(&o.account, "account", "*", "`account` of the secrets")
	flags.StringVar(&o.key, "kms-key", "", "`ARN` of the customer's KMS key that encrypts the secrets")
	flags.StringVar(&o.queue, "push", "", "`ARN` of the SQS queue from which the program receives rotations")
	flags.BoolVar(&o.anySecret, "any", false, "allow every secret if nothing is known of an ID")
}

func writePolicy(t *task) error {
	p, err := t.find()
	if err != nil {
		return err
	}
	doc, err := policy.Of(p, policy.Config{
		Partition: t.partition, Region: t.region, Account: t.account, Key: t.key, Queue: t.queue,
		Any: t.anySecret, Fill: environment(),
	})
	if unknown := unknownIDs(err); len(unknown) > 0 {
		for _, e := range unknown {
			t.note("%s:%d: %v", report.Relative(p.Dir, e.Handle.Position.Filename), e.Handle.Position.Line, e)
		}
		t.note("set the environment variables that the program is given, or say -any")
		return errFound
	}
	if err != nil {
		return usageError{err.Error()}
	}
	for _, h := range p.Handles {
		for _, id := range h.IDs {
			filled, place := id.Filled(environment()), report.Relative(p.Dir, h.Position.Filename)
			switch {
			case len(filled.Origins()) > 0:
				t.note("%s:%d: the policy has a * for %s", place, h.Position.Line, filled)
			case len(id.Origins()) > 0:
				t.note("%s:%d: %s is taken as %s", place, h.Position.Line, id, filled)
			}
		}
	}
	if t.key == "" {
		t.note("the policy is for secrets under the key aws/secretsmanager; if a customer's KMS key encrypts them, say -kms-key ARN")
	}
	if n := doc.Size(); n > policy.MaxSize {
		t.note("the policy has %d characters, and IAM allows %d; put the secrets under one prefix, or split it", n, policy.MaxSize)
	}
	return doc.Write(t.out, t.format)
}

// unknownIDs returns the errors about IDs of which nothing is known.
func unknownIDs(err error) (all []*policy.UnknownError) {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	for _, e := range joined.Unwrap() {
		if u, ok := errors.AsType[*policy.UnknownError](e); ok {
			all = append(all, u)
		}
	}
	return all
}
