package main

import (
	"flag"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/check"
	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/report"
)

func checkFlags(flags *flag.FlagSet, o *options) {
	tagsFlag(flags, o)
	formatFlag(flags, o, report.Formats)
	flags.StringVar(&o.stage, "stage", "", "`stage` to read in place of AWSCURRENT: AWSPENDING checks a rotation under way")
}

func checkAll(t *task) error {
	p, err := t.find()
	if err != nil {
		return err
	}
	r, err := check.Run(t, p, check.Config{Dir: p.Dir, Tags: t.tags, Stage: t.stage, Fill: environment(), Progress: t.progress})
	t.clear()
	if err != nil {
		return err
	}
	if err := report.Write(t.out, t.format, p.Dir, r.Findings, r.Summary()); err != nil {
		return err
	}
	if r.Failed() {
		return errFound
	}
	return nil
}
