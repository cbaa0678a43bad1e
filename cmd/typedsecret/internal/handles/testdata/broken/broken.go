// Package broken does not compile.
package broken

import "github.com/typedsecret/typedsecret"

var db = typedsecret.New[string](nothing)
