package main

import _ "github.com/typedsecret/typedsecret/source"

func main() {}
