package plugin_test

import (
	"testing"

	"github.com/golangci/plugin-module-register/register"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/secretvet"
	_ "github.com/typedsecret/typedsecret/cmd/typedsecret/secretvet/plugin"
)

// TestRegistered looks the plugin up as golangci-lint does.
func TestRegistered(t *testing.T) {
	newPlugin, err := register.GetPlugin("secretvet")
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPlugin(nil)
	if err != nil {
		t.Fatal(err)
	}
	all, err := p.BuildAnalyzers()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 || all[0] != secretvet.Analyzer || p.GetLoadMode() != register.LoadModeTypesInfo {
		t.Errorf("plugin: %v, %s", all, p.GetLoadMode())
	}
}
