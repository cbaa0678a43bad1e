package main

import (
	"errors"
	"flag"
	"strings"
	"testing"
)

func TestArguments(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		want error
	}{
		{"none", nil, errUsage},
		{"an unknown command", []string{"publish"}, errUsage},
		{"a check of a version", []string{"check", "v0.1.0"}, errUsage},
		{"no version to prepare", []string{"prepare"}, errUsage},
		{"an unknown flag", []string{"-push", "check"}, errUsage},
		{"help", []string{"-h"}, flag.ErrHelp},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs strings.Builder
			if err := run(t.Context(), t.TempDir(), tt.args, &out, &errs); !errors.Is(err, tt.want) {
				t.Errorf("error is %v, want %v", err, tt.want)
			}
			if !strings.Contains(errs.String(), "Usage: release") {
				t.Errorf("printed %q", &errs)
			}
		})
	}
	t.Run("no repository", func(t *testing.T) {
		var out, errs strings.Builder
		if err := run(t.Context(), t.TempDir(), []string{"check"}, &out, &errs); err == nil || !strings.Contains(err.Error(), "not a git repository") {
			t.Errorf("error is %v", err)
		}
	})
}
