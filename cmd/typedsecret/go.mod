module github.com/typedsecret/typedsecret/cmd/typedsecret

go 1.26.0

require golang.org/x/tools v0.52.0

replace github.com/typedsecret/typedsecret => ../..
