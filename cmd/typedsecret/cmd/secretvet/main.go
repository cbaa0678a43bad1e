// Command secretvet reports where a program shows a secret that it read from AWS Secrets
// Manager. It runs by itself, secretvet ./..., or as go vet -vettool=$(which secretvet) ./...
package main

import (
	"golang.org/x/tools/go/analysis/singlechecker"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/secretvet"
)

func main() { singlechecker.Main(secretvet.Analyzer) }
