package main

import (
	"flag"
	"fmt"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/check"
	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/doctor"
)

func doctorFlags(flags *flag.FlagSet, o *options) {
	tagsFlag(flags, o)
	formatFlag(flags, o, []string{"text", "json"})
	timeoutFlag(flags, o)
}

func examine(t *task) error {
	p, err := t.find()
	if err != nil {
		return err
	}
	lines, err := doctor.Examine(t, p, check.Config{Dir: p.Dir, Tags: t.tags, Timeout: t.timeout, Fill: environment(), Progress: t.progress})
	t.clear()
	if err != nil {
		return err
	}
	if t.format == "json" {
		err = writeJSON(t.out, lines)
	}
	failed := false
	for _, l := range lines {
		failed = failed || l.Status == doctor.Fail
		if t.format == "text" {
			fmt.Fprintln(t.out, l)
		}
	}
	if err == nil && failed {
		err = errFound
	}
	return err
}
