// Package plugin makes secretvet a linter of golangci-lint's module plugin system: name it
// in .custom-gcl.yml, and run golangci-lint custom.
package plugin

import (
	"github.com/golangci/plugin-module-register/register"
	"golang.org/x/tools/go/analysis"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/secretvet"
)

func init() { register.Plugin(secretvet.Analyzer.Name, New) }

// New returns the plugin. It has no settings.
func New(any) (register.LinterPlugin, error) { return linter{}, nil }

type linter struct{}

func (linter) BuildAnalyzers() ([]*analysis.Analyzer, error) {
	return []*analysis.Analyzer{secretvet.Analyzer}, nil
}

func (linter) GetLoadMode() string { return register.LoadModeTypesInfo }
