package main

import (
	"flag"
	"time"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/check"
	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/report"
)

func checkFlags(flags *flag.FlagSet, o *options) {
	tagsFlag(flags, o)
	formatFlag(flags, o, report.Formats)
	flags.StringVar(&o.stage, "stage", "", "`stage` to read in place of AWSCURRENT: AWSPENDING checks a rotation under way")
	timeoutFlag(flags, o)
}

func timeoutFlag(flags *flag.FlagSet, o *options) {
	flags.DurationVar(&o.timeout, "timeout", 10*time.Second, "how `long` the fetch of a secret may take")
}

func checkAll(t *task) error {
	p, err := t.find()
	if err != nil {
		return err
	}
	r, err := check.Run(t, p, check.Config{Dir: p.Dir, Tags: t.tags, Stage: t.stage, Timeout: t.timeout, Fill: environment(), Progress: t.progress})
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
