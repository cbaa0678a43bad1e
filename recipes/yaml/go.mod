module github.com/typedsecret/typedsecret/recipes/yaml

go 1.26.0

require (
	github.com/goccy/go-yaml v1.19.2
	github.com/google/go-cmp v0.7.0
	github.com/typedsecret/typedsecret v0.0.0
)

replace github.com/typedsecret/typedsecret => ../..
