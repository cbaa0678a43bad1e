package codec_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"

	"github.com/typedsecret/typedsecret/codec"
)

// service is a secret with keys and certificates beside other fields.
type service struct {
	Host   string                         `json:"host"`
	Cert   *x509.Certificate              `json:"cert"`
	Key    crypto.Signer                  `json:"key"`
	Extra  *x509.Certificate              `json:"extra,omitempty"`
	Roots  *x509.CertPool                 `json:"roots,omitempty"`
	Chain  []*x509.Certificate            `json:"chain,omitempty"`
	Old    []crypto.PrivateKey            `json:"old,omitempty"`
	ByName map[string]tls.Certificate     `json:"byName,omitempty"`
	Mutual **tls.Certificate              `json:"mutual"`
	Sub    *one[map[string]crypto.Signer] `json:"sub"`
}

type (
	embedsTLS     struct{ tls.Certificate }
	embedsX509    struct{ *x509.Certificate }
	embedsRSA     struct{ rsa.PrivateKey }
	embedsSigner  struct{ crypto.Signer }
	embedsWithTag struct {
		tls.Certificate `json:"tls"`
		ID              string
	}
	cert          = tls.Certificate
	embedsUnnamed struct {
		cert `json:"tls"`
	}
)

func pemFieldRows() []decoding {
	p := newPKI()
	pair := tls.Certificate{Certificate: [][]byte{p.leaf.Raw, p.ca.Raw}, PrivateKey: p.key, Leaf: p.leaf}
	pool := x509.NewCertPool()
	pool.AddCert(p.ca)
	leaf, ca, key := quote(p.leafPEM), quote(p.caPEM), quote(p.keyPKCS8)
	bundle := object("certificate", p.leafPEM, "chain", p.caPEM, "key", p.keySEC1)
	rows := []decoding{
		accepts("the least of a service", `{"host":"h","cert":`+leaf+`,"key":`+key+`}`, service{Host: "h", Cert: p.leaf, Key: p.key}),
		accepts("all of a service", `{"host":"h","cert":`+leaf+`,"key":`+key+`,"extra":`+ca+`,"roots":`+ca+`,"chain":`+quote(p.leafPEM+p.caPEM)+
			`,"old":[`+quote(p.rsaPKCS1)+`,`+quote(p.edPKCS8)+`],"byName":{"a":`+bundle+`},"mutual":`+quote(p.caPEM+p.keySEC1+p.leafPEM)+`,"sub":{"V":{"k":`+key+`}}}`,
			service{
				"h", p.leaf, p.key, p.ca, pool,
				[]*x509.Certificate{p.leaf, p.ca},
				[]crypto.PrivateKey{p.rsaKey, p.edKey},
				map[string]tls.Certificate{"a": pair},
				new(&pair), &one[map[string]crypto.Signer]{map[string]crypto.Signer{"k": p.key}},
			}),
		accepts("pool of an array", `{"V":[`+ca+`]}`, one[*x509.CertPool]{pool}),
		accepts("chain of an array of chains", `{"V":[`+quote(p.leafPEM+p.caPEM)+`,`+ca+`]}`, one[[]*x509.Certificate]{[]*x509.Certificate{p.leaf, p.ca, p.ca}}),
		accepts("*ecdsa.PrivateKey", `{"V":`+key+`}`, one[*ecdsa.PrivateKey]{p.key}),
		accepts("*rsa.PrivateKey", `{"V":`+quote(p.rsaPKCS8)+`}`, one[*rsa.PrivateKey]{p.rsaKey}),
		accepts("*rsa.PrivateKey in an object", `{"V":`+object("privateKey", p.rsaPKCS8)+`}`, one[*rsa.PrivateKey]{p.rsaKey}),
		accepts("ed25519.PrivateKey", `{"V":`+quote(p.edPKCS8)+`}`, one[ed25519.PrivateKey]{p.edKey}),
		accepts("ed25519.PrivateKey in base64", `{"V":"`+base64.StdEncoding.EncodeToString(p.edKey)+`"}`, one[ed25519.PrivateKey]{p.edKey}),
		accepts("crypto.PrivateKey", `{"V":`+quote(p.edPKCS8)+`}`, one[crypto.PrivateKey]{p.edKey}),
		accepts("embedded with a tag", `{"tls":`+bundle+`,"ID":"i"}`, embedsWithTag{pair, "i"}),
		accepts("embedded interface", `{"Signer":`+key+`}`, embedsSigner{p.key}),
		accepts("null for an optional one", `{"V":null}`, one[**x509.Certificate]{}),
		acceptsBy(codec.JSON{}, "alone, in quotes", key, p.key),

		refuses[service]("missing, though pointers", `{"host":"$S"}`, codec.ErrMissingKey, `missing keys "cert" (field Cert), "key" (field Key)`),
		refuses[service]("null, though pointers", `{"host":"$S","cert":null,"key":null}`, codec.ErrMissingKey, `"cert" (field Cert, null`, `"key" (field Key, null`),
		refuses[one[*x509.Certificate]]("no PEM in a field", `{"V":"$S"}`, codec.ErrSyntax, "V: malformed secret: there is no PEM block", "offset 5"),
		refuses[one[*x509.Certificate]]("a number in a field", `{"V":$N}`, codec.ErrWrongKind, "V: ", "where a string of PEM text is wanted"),
		refuses[one[*x509.Certificate]]("an array for one", `{"V":["$S"]}`, codec.ErrWrongKind, "V: ", "met an array"),
		refuses[one[[]*x509.Certificate]]("a number in an array", `{"V":[$N]}`, codec.ErrWrongKind, "V[0]: "),
		refuses[one[[]*x509.Certificate]]("an empty array", `{"V":[],"x":"$S"}`, codec.ErrWrongKind, "V: "),
		refuses[one[[]tls.Certificate]]("null in a slice", `{"V":[null],"x":"$S"}`, codec.ErrWrongKind, "V[0]: "),
		refuses[one[*x509.Certificate]]("a key for a certificate in a field", `{"V":`+key+`}`, codec.ErrWrongKind, "V: ", "no certificate"),
		refuses[one[*rsa.PrivateKey]]("another key in a field", `{"V":`+key+`}`, codec.ErrWrongKind, "V: ", "*rsa.PrivateKey is wanted"),
		refuses[one[tls.Certificate]]("a certificate without its key", `{"V":`+leaf+`}`, codec.ErrWrongKind, "V: ", "no private key"),
		refuses[one[tls.Certificate]]("an object without any", `{"V":{"$S":1}}`, codec.ErrMissingKey, "V: "),
		refuses[one[tls.Certificate]]("an object with a number", `{"V":{"key":$N}}`, codec.ErrWrongKind, "V.key: "),
		refuses[one[tls.Certificate]]("an object with a key twice", `{"V":{"key":"$S","key":"$S"}}`, codec.ErrDuplicateKey, "V"),
		refuses[one[ed25519.PrivateKey]]("base64 of another length", `{"V":"QUJD","x":"$S"}`, codec.ErrSyntax, "V: ", "no PEM block"),
		refuses[one[ed25519.PrivateKey]]("bytes for a key", `{"V":[1,2],"x":"$S"}`, codec.ErrWrongKind, "V: "),
		refuses[one[x509.Certificate]]("certificate by value", `{"V":"$S"}`, codec.ErrUnsupported, "x509.Certificate (at V)", "make it a *x509.Certificate"),
		refuses[x509.Certificate]("certificate by value alone", `{"V":"$S"}`, codec.ErrUnsupported, "make it a *x509.Certificate"),
		refuses[one[[]x509.CertPool]]("pool by value", `{"V":["$S"]}`, codec.ErrUnsupported, "make it a *x509.CertPool"),
		refuses[one[rsa.PrivateKey]]("RSA key by value", `{"V":"$S"}`, codec.ErrUnsupported, "make it a *rsa.PrivateKey"),
		refuses[one[ecdsa.PrivateKey]]("ECDSA key by value", `{"V":"$S"}`, codec.ErrUnsupported, "make it a *ecdsa.PrivateKey"),
		refuses[*ed25519.PrivateKey]("a pointer to a key", p.edPKCS8, codec.ErrUnsupported, "PEM decodes into ed25519.PrivateKey, not into a pointer"),
		refuses[**x509.Certificate]("a pointer to a pointer", "$S", codec.ErrUnsupported, "into *x509.Certificate, not"),
		refusesBy[x509.Certificate](codec.PEM{}, "by value, by PEM", "$S", codec.ErrUnsupported, "PEM decodes into *x509.Certificate"),
		refuses[embedsTLS]("embedded tls.Certificate", `{"Certificate":["$S"]}`, codec.ErrUnsupported, "embeds tls.Certificate, which PEM text decodes as a whole"),
		refuses[embedsX509]("embedded *x509.Certificate", `{"Raw":"$S"}`, codec.ErrUnsupported, "embeds *x509.Certificate"),
		refuses[embedsRSA]("embedded rsa.PrivateKey", `{"D":"$S"}`, codec.ErrUnsupported, "embeds rsa.PrivateKey"),
		refuses[embedsUnnamed]("embedded under another name", `{"tls":"$S"}`, codec.ErrUnsupported, "unexported"),
	}
	return rows
}
