package yaml_test

import (
	"fmt"

	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/recipes/yaml"
)

// SMTP is decoded from YAML by every handle, once the codec is registered for it.
type SMTP struct {
	Host     string `json:"host"`
	Port     int    `json:"port"`
	Password string `json:"password"`
}

func init() { codec.Register[SMTP](yaml.Codec{}) }

func Example() {
	smtp, err := codec.Decode[SMTP](codec.For[SMTP](), []byte("host: mail.internal\nport: 587\npassword: pw\n"))
	fmt.Println(smtp.Host, smtp.Port, err)

	_, err = codec.Decode[SMTP](codec.For[SMTP](), []byte("host: mail.internal\npasswd: pw\n"))
	fmt.Println(err)
	// Output:
	// mail.internal 587 <nil>
	// codec: decoding yaml_test.SMTP: missing keys "port" (field Port), "password" (field Password)
}
