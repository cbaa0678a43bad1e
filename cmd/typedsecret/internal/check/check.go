// Package check reads each secret of a program and decodes it as the program does.
//
// The T of a handle is a type of the program, and only the program's own code has its methods,
// its Validate and the codecs that it registers. So the check builds the program with one more
// file in each package that makes handles, by the overlay of the go command; no file is
// written into the program's folders. The file makes the handles again, on a cache of its own,
// and reads them once. It runs as the last init function of its package: the package's
// variables and init functions run before it, and main does not run.
package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/handles"
	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/report"
)

// A Config says how to check a program.
type Config struct {
	Dir, Tags string
	Env       []string // of the go command and of the program; nil is that of this process

	// Stage is the stage that is read in place of AWSCURRENT, or "". If it is set, handles that
	// name a stage or a version are left out, and a secret without a version of the stage is a
	// note and no error.
	Stage string

	// Timeout bounds the fetch of a secret; the default is that of a cache, 10 s.
	Timeout time.Duration

	// Fill gives the values of holes, as from the environment.
	Fill func(handles.Hole) (string, bool)

	// Progress is called with the name of each step. It may be nil.
	Progress func(string)
}

// A Result is what a check found.
type Result struct {
	Findings []report.Finding
	Checked  int // the secrets that were read and decode
	Secrets  int // the secrets that were read
}

// Failed reports whether something is wrong.
func (r Result) Failed() bool {
	return slices.ContainsFunc(r.Findings, func(f report.Finding) bool { return f.Level == report.Error })
}

// Summary returns the result in one line.
func (r Result) Summary() string {
	text := fmt.Sprintf("%d of %d secrets decode", r.Checked, r.Secrets)
	warnings := 0
	for _, f := range r.Findings {
		if f.Level == report.Warning {
			warnings++
		}
	}
	if warnings > 0 {
		text += fmt.Sprintf("; %d not checked", warnings)
	}
	return text
}

// ErrUnavailable is the error of a check that could read no secret, for example because there are
// no credentials.
var ErrUnavailable = errors.New("no secret could be read")

// An Answer is what the read of one secret brought.
type Answer struct {
	Index    int       // of the secret, among those of its probe
	Class    string    // of the error, by secret.Class
	Kind     string    // of the error, if it is a codec's
	Text     string    // why the secret does not decode, missing keys aside; "" if it does
	Problems []Problem // missing keys aside; Text has only the first eight
	Missing  []string  // the missing keys
	Cut      bool      // whether the secret has more problems than Problems and Missing list

	Handle *handles.Handle `json:"-"`
	ID     string          `json:"-"`
}

// A Problem is one thing that a codec refuses.
type Problem struct{ Kind, Text string }

// Run checks a program.
func Run(ctx context.Context, p *handles.Program, cfg Config) (Result, error) {
	answers, r, err := Read(ctx, p, cfg)
	if err == nil {
		err = allUnavailable(answers)
	}
	if err != nil {
		return r, err
	}
	for _, a := range answers {
		r.judge(a, cfg)
	}
	return r, nil
}

// Read reads the secrets of a program. The result has a finding for each that could not be read.
func Read(ctx context.Context, p *handles.Program, cfg Config) (answers []Answer, r Result, err error) {
	if cfg.Progress == nil {
		cfg.Progress = func(string) {}
	}
	for _, pr := range r.plan(p, cfg) {
		got, err := pr.run(ctx, cfg)
		if err != nil {
			return answers, r, err
		}
		for i := range got {
			it := pr.items[got[i].Index]
			got[i].Handle, got[i].ID = it.handle, it.id
		}
		answers = append(answers, got...)
	}
	return answers, r, nil
}

// allUnavailable returns the error of the first answer if no secret could be read for a reason
// that is about all of them.
func allUnavailable(answers []Answer) error {
	for _, a := range answers {
		if !slices.Contains([]string{"unavailable", "timeout", "throttled"}, a.Class) {
			return nil
		}
	}
	if len(answers) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrUnavailable, answers[0].Text)
}

// plan returns the probes that read the secrets. A secret that can't be read is a finding.
func (r *Result) plan(p *handles.Program, cfg Config) (probes []*probe) {
	for i := range p.Handles {
		h := &p.Handles[i]
		switch {
		case h.Kind == handles.Ref:
			r.add(report.Finding{Rule: "without-a-type", Level: report.Note, Secret: h.IDs[0].String(), Message: "it is read as bytes, so there is no type to check", Position: h.Position})
			continue
		case cfg.Stage != "" && (h.Option("WithStage") != nil || h.Option("WithVersionID") != nil):
			continue
		}
		known := 0
		for _, text := range h.IDs {
			id, ok := text.Filled(cfg.Fill).Constant()
			if isHole := len(text.Parts) > 0 && text.Parts[0].Hole != nil; !ok || id == "" && isHole {
				continue
			}
			known++
			next, why := newItem(h, id, cfg)
			if why != "" {
				r.notChecked(h, id, why)
				continue
			}
			at := slices.IndexFunc(probes, func(pr *probe) bool { return pr.pkg == next.home })
			if at < 0 {
				at = len(probes)
				probes = append(probes, &probe{pkg: next.home})
			}
			probes[at].items = append(probes[at].items, next)
		}
		for _, text := range h.IDs {
			if _, ok := text.Filled(cfg.Fill).Constant(); !ok {
				r.notChecked(h, text.String(), "its ID is known at run time only")
			} else if known == 0 {
				r.notChecked(h, text.String(), "its ID is empty here; set the environment variables that the program is given")
			}
		}
	}
	return probes
}

func (r *Result) add(f report.Finding) { r.Findings = append(r.Findings, f) }

func (r *Result) notChecked(h *handles.Handle, id, why string) {
	r.add(report.Finding{Rule: "not-checked", Level: report.Warning, Secret: id, Message: "not checked: " + why, Position: h.Position})
}

// rules are the rules for the classes of secret.Class, and for the kinds of codec errors.
var rules = map[string]string{
	"not_found": "not-found", "deleted": "deleted", "access_denied": "access-denied", "decryption": "access-denied",
	"unavailable": "unavailable", "timeout": "unavailable", "throttled": "unavailable",
	"invalid_ref": "misuse", "invalid_config": "misuse", "invalid_request": "misuse",
	"malformed secret": "malformed", "missing key": "missing-key", "duplicate key": "duplicate-key", "unknown key": "unknown-key",
	"wrong kind of value": "wrong-kind", "unfit value": "unfit-value", "invalid value": "invalid", "unsupported type": "misuse",
}

// judge turns an answer into findings.
func (r *Result) judge(a Answer, cfg Config) {
	f := report.Finding{Level: report.Error, Secret: a.ID, Position: a.Handle.Position}
	if cfg.Stage != "" && a.Class == "not_found" && !strings.Contains(a.Text, "can't find the specified secret (") {
		f.Rule, f.Level, f.Message = "not-found", report.Note, "no version has the stage "+cfg.Stage
		r.add(f)
		return
	}
	r.Secrets++
	if a.Text == "" {
		r.Checked++
		return
	}
	for _, m := range a.Missing {
		f := f
		f.Rule, f.Message = "missing-key", "the secret lacks the key "+m
		r.add(f)
	}
	problems := a.Problems
	if len(problems) == 0 && len(a.Missing) == 0 {
		problems = []Problem{{a.Kind, a.Text}}
	}
	for _, p := range problems {
		f.Rule = cmp.Or(rules[p.Kind], rules[a.Class], "unreadable")
		f.Message = strings.TrimPrefix(p.Text, "codec: ")
		r.add(f)
	}
	if a.Cut {
		f.Rule, f.Message = "unreadable", "the secret has more problems than these findings"
		r.add(f)
	}
}
