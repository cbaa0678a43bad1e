package main

import (
	"flag"
	"fmt"
	"io"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/gen"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source"
)

func genFlags(flags *flag.FlagSet, o *options) {
	flags.StringVar(&o.stage, "stage", "", "`stage` to read in place of AWSCURRENT")
}

func generate(t *task) error {
	if len(t.args) != 1 {
		return usageError{fmt.Sprintf("gen takes one ID, and %d arguments were given", len(t.args))}
	}
	ref := secret.Ref{ID: t.args[0], Stage: t.stage}
	if err := ref.Validate(); err != nil {
		return usageError{err.Error()}
	}
	from, err := source.FromEnvironment(t)
	if err != nil {
		return err
	}
	t.progress("reading " + ref.ID)
	v, err := from.Fetch(t, ref)
	if err != nil {
		return fmt.Errorf("%s: %w", ref.ID, err)
	}
	text, err := gen.Struct(ref.ID, v.Payload.Bytes())
	if err != nil {
		return err
	}
	t.clear()
	_, err = io.WriteString(t.out, text)
	return err
}
