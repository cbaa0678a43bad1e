package main

import (
	"flag"
	"fmt"
)

// An installed command has to answer to -h.
func init() {
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "Prints who logs in where by the secret prod/db. It has no flags; TYPEDSECRET_SOURCE says where the secret is.")
	}
	flag.Parse()
}
