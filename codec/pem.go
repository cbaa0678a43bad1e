package codec

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"reflect"
	"strings"
)

// PEM decodes certificates and private keys. The type decides what it takes from the
// secret:
//
//   - *x509.Certificate: the only certificate; []*x509.Certificate or *x509.CertPool: all
//     of them, at least one. Private keys are ignored.
//   - crypto.Signer, crypto.PrivateKey, *rsa.PrivateKey, *ecdsa.PrivateKey or
//     ed25519.PrivateKey: the only private key, in PKCS #8, PKCS #1 or SEC 1 form.
//     Certificates are ignored.
//   - tls.Certificate or *tls.Certificate: the only private key and the certificates in any
//     order. The certificate of the key becomes the leaf and comes first. The others keep
//     their order.
//
// In a struct that [JSON] decodes, a field or an element of these types is a string of PEM
// text, or an object as below.
//
// Text before a block is skipped, as RFC 7468 allows. A block that cannot be read, or text
// after the last block, is an error, since it may be a certificate that was cut short.
// Encrypted keys are refused.
//
// In place of PEM text, the secret may be a JSON object with PEM text in strings. The
// certificate is under "certificate", "cert" or "tls.crt". The rest of its chain, if any,
// is under "certificateChain", "certificate_chain" or "chain". The private key is under
// "privateKey", "private_key", "key" or "tls.key". Other keys are ignored.
type PEM struct{}

// Shared returns true: by custom, certificates and keys of RSA or ECDSA are never modified.
// typedsecret copies an ed25519.PrivateKey, since it is a slice, which its owner may clear.
func (PEM) Shared() bool { return true }

// CheckType implements [Checker].
func (PEM) CheckType(t reflect.Type) error {
	if pemTypes[t] {
		return nil
	}
	if base, ok := pointee(t, func(t reflect.Type) bool { return pemTypes[t] }); ok {
		return refuse(t, "PEM decodes into "+base.String()+", not into a pointer to it")
	}
	if byPointer[t] {
		return refuse(t, "PEM decodes into *"+t.String())
	}
	return refuse(t, "PEM does not decode into this type")
}

// Decode implements [Codec].
func (PEM) Decode(data []byte, into any) error {
	v, err := target(into)
	if err != nil {
		return err
	}
	if err := (PEM{}).CheckType(v.Type()); err != nil {
		return err
	}
	texts := []pemText{{"", data}}
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		if texts, err = pemFromJSON(data); err != nil {
			return wrap(v.Type(), ErrSyntax, "", err)
		}
	}
	if e := decodeTexts(texts, v); e != nil {
		e.Type = v.Type().String()
		return e
	}
	return nil
}

// A bundle holds the certificates and keys of PEM texts.
type bundle struct {
	certs []*x509.Certificate
	keys  []crypto.PrivateKey
}

func refusePEM(at int, kind error, reason string) *Error {
	return &Error{Offset: int64(at), Kind: kind, Reason: reason}
}

// read adds the blocks of text to the bundle.
func (b *bundle) read(text []byte) *Error {
	for rest := text; ; {
		at := len(text) - len(rest)
		block, after := pem.Decode(rest)
		if block == nil {
			switch {
			case bytes.Contains(rest, beginMark):
				return refusePEM(at, ErrSyntax, "a PEM block is malformed or cut short"+pemLooks(rest))
			case len(bytes.TrimSpace(rest)) == 0 && at > 0:
				return nil
			case len(bytes.TrimSpace(rest)) == 0:
				return refusePEM(at, ErrSyntax, "there is no PEM text")
			case at == 0:
				return refusePEM(at, ErrSyntax, "there is no PEM block"+pemLooks(rest))
			}
			return refusePEM(at, ErrSyntax, "there is more behind the last PEM block"+pemLooks(rest))
		}
		read := rest[:len(rest)-len(after)]
		if bytes.Count(read, beginMark) != 1 || bytes.Count(read, endMark) != 1 {
			// pem.Decode skips a block that it can't read.
			return refusePEM(at, ErrSyntax, "a PEM block is malformed or cut short"+pemLooks(read))
		}
		if e := b.add(block, at); e != nil {
			return e
		}
		rest = after
	}
}

func (b *bundle) add(block *pem.Block, at int) *Error {
	switch t := block.Type; {
	case t == "CERTIFICATE":
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return refusePEM(at, ErrValue, "a certificate cannot be parsed")
		}
		b.certs = append(b.certs, c)
	case t == "EC PARAMETERS":
		// openssl writes this block before the key, which names its curve itself.
	case t == "ENCRYPTED PRIVATE KEY", block.Headers["DEK-Info"] != "", strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
		return refusePEM(at, ErrValue, "the private key is encrypted; store it without a passphrase")
	case t == "PRIVATE KEY", t == "RSA PRIVATE KEY", t == "EC PRIVATE KEY":
		key := parseKey(block.Bytes)
		if key == nil {
			return refusePEM(at, ErrValue, "a private key cannot be parsed as PKCS #8, PKCS #1 or SEC 1")
		}
		b.keys = append(b.keys, key)
	case t == "OPENSSH PRIVATE KEY":
		return refusePEM(at, ErrWrongKind, "the private key is in OpenSSH's own format; PKCS #8 is wanted")
	default:
		return refusePEM(at, ErrWrongKind, "a PEM block is neither a certificate nor a private key")
	}
	return nil
}

// parseKey tries each form for every label, since tools mix the labels up.
func parseKey(der []byte) crypto.PrivateKey {
	if k, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return k
	}
	if k, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return k
	}
	if k, err := x509.ParseECPrivateKey(der); err == nil {
		return k
	}
	return nil
}

// store puts the certificates or keys of the bundle into *into, which has a type of
// pemTypes.
func (b *bundle) store(into any) *Error {
	switch p := into.(type) {
	case **x509.Certificate:
		if e := b.wantCerts(); e != nil {
			return e
		}
		if len(b.certs) > 1 {
			return refusePEM(-1, ErrWrongKind, fmt.Sprintf(
				"there are %d certificates where one is wanted; []*x509.Certificate takes all", len(b.certs)))
		}
		*p = b.certs[0]
		return nil
	case *[]*x509.Certificate:
		*p = b.certs
		return b.wantCerts()
	case **x509.CertPool:
		*p = x509.NewCertPool()
		for _, c := range b.certs {
			(*p).AddCert(c)
		}
		return b.wantCerts()
	case **tls.Certificate:
		*p = &tls.Certificate{}
		return b.storeTLS(*p)
	case *tls.Certificate:
		return b.storeTLS(p)
	case *crypto.Signer:
		return storeKey(b, p)
	case *crypto.PrivateKey:
		return storeKey(b, p)
	case **rsa.PrivateKey:
		return storeKey(b, p)
	case **ecdsa.PrivateKey:
		return storeKey(b, p)
	case *ed25519.PrivateKey:
		return storeKey(b, p)
	}
	return refusePEM(-1, ErrUnsupported, "PEM does not decode into this type")
}

func (b *bundle) wantCerts() *Error {
	if len(b.certs) == 0 {
		return refusePEM(-1, ErrWrongKind, "there is no certificate, only a private key")
	}
	return nil
}

func (b *bundle) onlyKey() (crypto.PrivateKey, *Error) {
	switch len(b.keys) {
	case 0:
		return nil, refusePEM(-1, ErrWrongKind, "there is no private key, only certificates")
	case 1:
		return b.keys[0], nil
	}
	return nil, refusePEM(-1, ErrWrongKind, fmt.Sprintf("there are %d private keys where one is wanted", len(b.keys)))
}

func storeKey[K any](b *bundle, p *K) *Error {
	key, e := b.onlyKey()
	if e != nil {
		return e
	}
	k, ok := key.(K)
	if !ok {
		return refusePEM(-1, ErrWrongKind, fmt.Sprintf("the private key is a %T where a %s is wanted", key, reflect.TypeFor[K]()))
	}
	*p = k
	return nil
}

func (b *bundle) storeTLS(p *tls.Certificate) *Error {
	key, e := b.onlyKey()
	if e != nil {
		return e
	}
	if e := b.wantCerts(); e != nil {
		return e
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return refusePEM(-1, ErrWrongKind, fmt.Sprintf("the private key is a %T, which cannot sign", key))
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok {
		return refusePEM(-1, ErrWrongKind, fmt.Sprintf("TLS has no use for a %T", key))
	}
	*p = tls.Certificate{PrivateKey: key}
	for _, c := range b.certs {
		switch {
		case p.Leaf == nil && public.Equal(c.PublicKey):
			p.Leaf = c
			p.Certificate = append([][]byte{c.Raw}, p.Certificate...)
		case p.Leaf != nil && c.Equal(p.Leaf):
			// Some chains begin with the leaf again.
		default:
			p.Certificate = append(p.Certificate, c.Raw)
		}
	}
	if p.Leaf == nil {
		return refusePEM(-1, ErrValue, "the private key belongs to none of the certificates")
	}
	return nil
}
