// Package cgo shows secrets that went through C, and harmless uses of C's strings.
package cgo

/*
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct login { const char *user, *password; };

static unsigned long sum(const char *s) { return s[0]; }
static const char *version(const char *key) { return "1.0"; }
*/
import "C"

import (
	"context"
	"log"
	"unsafe"

	"github.com/typedsecret/typedsecret"
)

var token = typedsecret.New[string]("prod/token")

func roundTrip(ctx context.Context) {
	t, _ := token.Get(ctx)
	cs := C.CString(t)
	defer C.free(unsafe.Pointer(cs))
	log.Println(C.GoString(cs)) // want `C.GoString\(cs\) holds the secret that token.Get gave`
}

func bytesRoundTrip(ctx context.Context) {
	t, _ := token.Get(ctx)
	p := C.CBytes([]byte(t))
	defer C.free(p)
	b := C.GoBytes(p, C.int(len(t)))
	log.Printf("%x", b) // want `b holds`
}

func part(ctx context.Context) {
	t, _ := token.Get(ctx)
	cs := C.CString(t)
	log.Println("begins with", C.GoStringN(cs, 10)) // want `C.GoStringN\(cs, 10\) holds`
}

func printed(ctx context.Context) {
	t, _ := token.Get(ctx)
	cs := C.CString(t)
	C.puts(cs) // want `the secret that token.Get gave .* reaches C.puts`
}

func copied(ctx context.Context) {
	t, _ := token.Get(ctx)
	cs := C.CString(t)
	log.Println(C.GoString(C.strdup(cs))) // want `holds`
}

func inStruct(ctx context.Context) {
	t, _ := token.Get(ctx)
	l := C.struct_login{user: C.CString("app"), password: C.CString(t)}
	log.Println(C.GoString(l.user), C.GoString(l.password)) // want `C.GoString\(l.password\) holds`
}

func length(ctx context.Context) {
	t, _ := token.Get(ctx)
	cs := C.CString(t)
	log.Println(C.strlen(cs), C.sum(cs), C.GoString(C.version(cs)))
}

func user(ctx context.Context) {
	t, _ := token.Get(ctx)
	l := C.struct_login{user: C.CString("app"), password: C.CString(t)}
	log.Println(C.GoString(l.user), l.user != nil)
}
