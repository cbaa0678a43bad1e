package shape

import "go/types"

const library = "github.com/typedsecret/typedsecret/codec"

func deref(t types.Type) types.Type {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		return p.Elem()
	}
	return t
}

// isNamed reports whether t is the type with this path and name.
func isNamed(t types.Type, name string) bool {
	n, ok := types.Unalias(t).(*types.Named)
	return ok && n.Obj().Pkg() != nil && n.Obj().Pkg().Path()+"."+n.Obj().Name() == name
}

// pem are the types into which codec.PEM decodes.
var pem = map[string]bool{
	"*crypto/x509.Certificate": true, "[]*crypto/x509.Certificate": true, "*crypto/x509.CertPool": true,
	"crypto/tls.Certificate": true, "*crypto/tls.Certificate": true,
	"crypto.Signer": true, "crypto.PrivateKey": true,
	"*crypto/rsa.PrivateKey": true, "*crypto/ecdsa.PrivateKey": true, "crypto/ed25519.PrivateKey": true,
}

func isPEM(t types.Type) bool { return pem[types.TypeString(types.Unalias(t), nil)] }

// isByPointer reports whether PEM text decodes only into a pointer to t.
func isByPointer(t types.Type) bool {
	switch types.TypeString(types.Unalias(t), nil) {
	case "crypto/x509.Certificate", "crypto/x509.CertPool", "crypto/rsa.PrivateKey", "crypto/ecdsa.PrivateKey":
		return true
	}
	return false
}

func isPointer(t types.Type) bool {
	_, ok := t.Underlying().(*types.Pointer)
	return ok
}

func isStruct(t types.Type) bool {
	_, ok := t.Underlying().(*types.Struct)
	return ok
}

func isSlice(t types.Type) bool {
	_, ok := t.Underlying().(*types.Slice)
	return ok
}

// isBytes reports whether t is a slice of bytes of any type.
func isBytes(t types.Type) bool {
	s, ok := t.Underlying().(*types.Slice)
	if !ok {
		return false
	}
	b, ok := s.Elem().Underlying().(*types.Basic)
	return ok && b.Kind() == types.Uint8
}

// kindOf returns the properties of a basic type, and none for others.
func kindOf(t types.Type) types.BasicInfo {
	if b, ok := t.Underlying().(*types.Basic); ok {
		return b.Info()
	}
	return 0
}

// has reports whether a variable of type t, or a t that is a pointer, has the method, which takes
// bytes and returns an error.
func has(t types.Type, method string) bool {
	if types.IsInterface(t) {
		return false
	}
	obj, _, _ := types.LookupFieldOrMethod(t, true, nil, method)
	f, ok := obj.(*types.Func)
	if !ok {
		return false
	}
	sig := f.Signature()
	return sig.Params().Len() == 1 && sig.Results().Len() == 1 && !sig.Variadic() &&
		types.TypeString(sig.Params().At(0).Type(), nil) == "[]byte" &&
		types.TypeString(sig.Results().At(0).Type(), nil) == "error"
}
