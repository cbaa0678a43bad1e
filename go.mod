module github.com/typedsecret/typedsecret

go 1.26.0

require github.com/aws/aws-sdk-go-v2 v1.48.0
