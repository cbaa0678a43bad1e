// Package testfiles has a test that shows a secret.
package testfiles

import "github.com/typedsecret/typedsecret"

var token = typedsecret.New[string]("prod/token")
