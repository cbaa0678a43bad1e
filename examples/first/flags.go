package main

import (
	"flag"
	"fmt"
)

// What is installed answers to -h, as any command does.
func init() {
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "Prints who logs in where by the secret prod/db. It has no flags; TYPEDSECRET_SOURCE says where the secret is.")
	}
	flag.Parse()
}
