package codec_test

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/codec"
)

// pki has the material of the PEM rows: a CA, a leaf that it signed, and their keys in
// every form.
type pki struct {
	ca, leaf                   *x509.Certificate
	caPEM, leafPEM             string
	key                        *ecdsa.PrivateKey
	keyPKCS8, keySEC1          string
	rsaKey                     *rsa.PrivateKey
	rsaPKCS1, rsaPKCS8         string
	edKey                      ed25519.PrivateKey
	edPKCS8, ecdhPKCS8, params string
}

var newPKI = sync.OnceValue(func() *pki {
	p := &pki{}
	var err error
	p.rsaKey, err = rsa.GenerateKey(rand.Reader, 2048)
	check(err)
	p.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	_, p.edKey, err = ed25519.GenerateKey(rand.Reader)
	check(err)
	x, err := ecdh.X25519().GenerateKey(rand.Reader)
	check(err)

	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true,
		NotAfter: time.Now().Add(time.Hour),
	}
	p.ca, p.caPEM = certify(&template, &template, p.edKey.Public(), p.edKey)
	template2 := x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour)}
	p.leaf, p.leafPEM = certify(&template2, p.ca, p.key.Public(), p.edKey)

	p.keyPKCS8, p.rsaPKCS8, p.edPKCS8, p.ecdhPKCS8 = pkcs8(p.key), pkcs8(p.rsaKey), pkcs8(p.edKey), pkcs8(x)
	sec1, err := x509.MarshalECPrivateKey(p.key)
	check(err)
	p.keySEC1 = encode("EC PRIVATE KEY", sec1)
	p.rsaPKCS1 = encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(p.rsaKey))
	p.params = encode("EC PARAMETERS", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7})
	return p
})

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func encode(label string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}))
}

func pkcs8(key any) string {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	check(err)
	return encode("PRIVATE KEY", der)
}

func certify(c, parent *x509.Certificate, public crypto.PublicKey, by crypto.Signer) (*x509.Certificate, string) {
	der, err := x509.CreateCertificate(rand.Reader, c, parent, public, by)
	check(err)
	cert, err := x509.ParseCertificate(der)
	check(err)
	return cert, encode("CERTIFICATE", der)
}

func object(pairs ...string) string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	b, err := json.Marshal(m)
	check(err)
	return string(b)
}

// mark is a PEM block with the tables' secret text in it.
var mark = encode("PRIVATE KEY", []byte("\x30$S")) + "\n$S\n"

func pemRows() []decoding {
	p := newPKI()
	pool := x509.NewCertPool()
	pool.AddCert(p.ca)
	pair := tls.Certificate{Certificate: [][]byte{p.leaf.Raw, p.ca.Raw}, PrivateKey: p.key, Leaf: p.leaf}
	return []decoding{
		accepts("certificate", p.leafPEM, p.leaf),
		accepts("certificate beside its key", p.keySEC1+p.leafPEM, p.leaf),
		accepts("certificates", p.leafPEM+"\n"+p.caPEM, []*x509.Certificate{p.leaf, p.ca}),
		accepts("pool", p.caPEM, pool),
		accepts("text before a block", "subject=CN = CA\n"+p.caPEM+"\nissuer=x\n"+p.caPEM, []*x509.Certificate{p.ca, p.ca}),
		accepts("PKCS #8", p.keyPKCS8, p.key),
		accepts("SEC 1", p.keySEC1, p.key),
		accepts("SEC 1 with its parameters", p.params+p.keySEC1, p.key),
		accepts("PKCS #1", p.rsaPKCS1, p.rsaKey),
		accepts("RSA in PKCS #8", p.rsaPKCS8, p.rsaKey),
		accepts("Ed25519", p.edPKCS8, p.edKey),
		accepts[crypto.Signer]("signer", p.rsaPKCS1, p.rsaKey),
		accepts[crypto.PrivateKey]("any private key", p.leafPEM+p.edPKCS8, p.edKey),
		accepts("key under a wrong label", encode("RSA PRIVATE KEY", der(p.keyPKCS8)), p.key),
		accepts("bundle", p.leafPEM+p.caPEM+p.keyPKCS8, pair),
		accepts("bundle, key first and CA before leaf", p.keySEC1+p.caPEM+p.leafPEM, pair),
		accepts("bundle by pointer", p.leafPEM+p.keySEC1+p.caPEM, &pair),
		accepts("JSON bundle", object("certificate", p.leafPEM, "certificateChain", p.caPEM, "privateKey", p.keyPKCS8, "arn", "x"), pair),
		accepts("JSON bundle, snake case", object("certificate", p.leafPEM, "certificate_chain", p.caPEM, "private_key", p.keyPKCS8), pair),
		accepts("JSON bundle, Kubernetes", object("tls.crt", p.leafPEM+p.caPEM, "tls.key", p.keyPKCS8), pair),
		accepts("JSON bundle, short", object("cert", p.leafPEM, "chain", p.caPEM, "key", p.keyPKCS8), pair),
		accepts("JSON key", object("key", p.keyPKCS8), p.key),

		refuses[*x509.Certificate]("nothing", "", codec.ErrSyntax, "no PEM text"),
		refuses[*x509.Certificate]("no PEM", "$S", codec.ErrSyntax, "no PEM block"),
		refuses[*x509.Certificate]("garbage behind", p.leafPEM+"$S", codec.ErrSyntax, "more behind"),
		refuses[[]*x509.Certificate]("second cut short", p.leafPEM+p.caPEM[:len(p.caPEM)-20]+"$S", codec.ErrSyntax, "cut short"),
		refuses[[]*x509.Certificate]("first cut short", p.leafPEM[:len(p.leafPEM)-30]+"\n$S\n"+p.caPEM, codec.ErrSyntax, "cut short"),
		refuses[[]*x509.Certificate]("first without its beginning", p.leafPEM[30:]+p.caPEM, codec.ErrSyntax, "cut short"),
		refuses[*x509.Certificate]("two for one", p.leafPEM+p.caPEM, codec.ErrWrongKind, "2 certificates", "[]*x509.Certificate"),
		refuses[*x509.Certificate]("key for a certificate", p.keyPKCS8, codec.ErrWrongKind, "no certificate"),
		refuses[*x509.CertPool]("key for a pool", p.keyPKCS8, codec.ErrWrongKind, "no certificate"),
		refuses[*x509.Certificate]("unreadable certificate", encode("CERTIFICATE", []byte(secretText)), codec.ErrValue),
		refuses[crypto.Signer]("unreadable key", mark, codec.ErrValue, "cannot be parsed"),
		refuses[crypto.Signer]("certificate for a key", p.leafPEM, codec.ErrWrongKind, "no private key"),
		refuses[crypto.Signer]("two keys", p.keyPKCS8+p.edPKCS8, codec.ErrWrongKind, "2 private keys"),
		refuses[*rsa.PrivateKey]("other key", p.keyPKCS8, codec.ErrWrongKind, "*ecdsa.PrivateKey", "*rsa.PrivateKey is wanted"),
		refuses[crypto.Signer]("key that cannot sign", p.ecdhPKCS8, codec.ErrWrongKind, "*ecdh.PrivateKey"),
		refuses[tls.Certificate]("TLS key that cannot sign", p.ecdhPKCS8+p.leafPEM, codec.ErrWrongKind, "cannot sign"),
		refuses[crypto.Signer]("encrypted PKCS #8", encode("ENCRYPTED PRIVATE KEY", []byte(secretText)), codec.ErrValue, "encrypted"),
		refuses[crypto.Signer]("encrypted PKCS #1", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,$N\n\nAAAA\n-----END RSA PRIVATE KEY-----\n", codec.ErrValue, "encrypted"),
		refuses[crypto.Signer]("OpenSSH", encode("OPENSSH PRIVATE KEY", []byte(secretText)), codec.ErrWrongKind, "OpenSSH"),
		refuses[crypto.Signer]("other block", encode("$S", []byte(secretText)), codec.ErrWrongKind, "neither"),
		refuses[tls.Certificate]("mismatch", p.leafPEM+p.rsaPKCS1, codec.ErrValue, "belongs to none"),
		refuses[tls.Certificate]("no key", p.leafPEM, codec.ErrWrongKind, "no private key"),
		refuses[tls.Certificate]("no certificate", p.keySEC1, codec.ErrWrongKind, "no certificate"),
		refuses[tls.Certificate]("JSON without any", `{"$S":"$S"}`, codec.ErrMissingKey, `"certificate"`),
		refuses[tls.Certificate]("JSON with two names", object("key", "$S", "tls.key", "$S"), codec.ErrDuplicateKey, "tls.key: "),
		refuses[tls.Certificate]("JSON with a number", `{"key":$N}`, codec.ErrWrongKind, "key: "),
		refuses[tls.Certificate]("JSON cut short", `{"key":"$S`, codec.ErrSyntax),
		refuses[tls.Certificate]("JSON with no PEM in it", object("cert", "$S", "key", "$S"), codec.ErrSyntax, "no PEM block"),
	}
}

func der(text string) []byte {
	block, _ := pem.Decode([]byte(text))
	return block.Bytes
}

func TestBundlesAreTakenAsToolsWriteThem(t *testing.T) {
	p := newPKI()
	for name, doc := range map[string]string{
		"empty chain":         object("cert", p.leafPEM, "chain", "", "key", p.keySEC1),
		"null chain":          strings.Replace(object("cert", p.leafPEM, "key", p.keySEC1), "{", `{"chain":null,`, 1),
		"leaf in its chain":   object("cert", p.leafPEM, "chain", p.leafPEM, "key", p.keySEC1),
		"an unrelated number": strings.Replace(object("cert", p.leafPEM, "key", p.keySEC1), "{", `{"n":1e999,`, 1),
	} {
		bundle, err := codec.Decode[tls.Certificate](codec.PEM{}, []byte(doc))
		if err != nil || len(bundle.Certificate) != 1 || !bundle.Leaf.Equal(p.leaf) {
			t.Errorf("%s: %d certificates, %v", name, len(bundle.Certificate), err)
		}
	}
	err := failure[tls.Certificate](codec.PEM{}, `{"unrelated":1,"cert":"garbage"}`)
	if e, ok := errors.AsType[*codec.Error](err); !ok || e.Offset >= 0 {
		t.Errorf("the offset is of a text in the secret: %v", err)
	}
}
