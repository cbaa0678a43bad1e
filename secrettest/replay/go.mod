module github.com/typedsecret/typedsecret/secrettest/replay

go 1.26.0

require (
	github.com/google/go-cmp v0.7.0
	github.com/typedsecret/typedsecret v0.0.0
	gocloud.dev v0.47.0
)

replace github.com/typedsecret/typedsecret => ../..
