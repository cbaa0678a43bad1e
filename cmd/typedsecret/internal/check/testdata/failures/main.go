// Command failures reads secrets that fail, each in its own way.
package main

import (
	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/codec"
)

type creds struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

type server struct {
	Port int16  `json:"port"`
	Key  string `json:"key"`
}

func (s server) Validate() error {
	if s.Port == 0 {
		return codec.Invalid("the port is 0")
	}
	return nil
}

var all = []typedsecret.Handle{
	typedsecret.New[creds]("fine"),
	typedsecret.New[creds]("unknown-secret"),
	typedsecret.New[creds]("access-denied"),
	typedsecret.New[creds]("kms-key-disabled"),
	typedsecret.New[creds]("secret-scheduled-for-deletion"),
	typedsecret.New[creds]("json-broken"),
	typedsecret.New[creds]("key-missing"),
	typedsecret.New[server]("value-of-the-wrong-kind"),
	typedsecret.New[server]("value-that-does-not-fit"),
	typedsecret.New[server]("key-twice"),
	typedsecret.New[server]("unknown-key-strict-codec", typedsecret.WithCodec(codec.JSON{Strict: true})),
	typedsecret.New[server]("refused-by-validate"),
	typedsecret.New[creds]("version-label-missing", typedsecret.WithStage("AWSPREVIOUS")),
}

func main() { println(len(all)) }
