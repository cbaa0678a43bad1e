// Command first is the first program of the README: one secret, read as a struct.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/typedsecret/typedsecret"
)

type DBCreds struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Host     string `json:"host"`
	Port     int    `json:"port"`
}

// A package variable: no client and no I/O yet.
var db = typedsecret.New[DBCreds]("prod/db")

func main() {
	creds, err := db.Get(context.Background()) // decoded once per version
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s@%s:%d\n", creds.Username, creds.Host, creds.Port)
}
