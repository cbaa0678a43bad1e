// Command app is read by the tests of package handles.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/handles/testdata/program/lib"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/secret"
)

type settings struct {
	Secret string
	Tagged string `json:"tagged"`
}

type key struct {
	Key codec.Redacted `json:"key"`
}

var (
	app    = typedsecret.Set{Prefix: "app/", Options: []typedsecret.Option{typedsecret.WithShared()}}
	inSet  = typedsecret.New[key]("key", typedsecret.WithSet(&app))
	arn    = typedsecret.New[string]("arn:aws:secretsmanager:eu-west-1:123456789012:secret:x-AbCdEf", typedsecret.WithSet(&app))
	stage  = os.Getenv("STAGE")
	byEnv  = typedsecret.New[string](stage + "/db")
	byFlag = flag.String("secret", "prod/flagged", "the secret")

	tenants = typedsecret.NewByID[string](typedsecret.WithCodec(codec.Text{TrimNewline: true}))
	others  = typedsecret.NewByID[key](typedsecret.WithSet(&app))
)

var filled struct {
	DB      *typedsecret.Secret[lib.DBCreds] `secret:"db,stage=AWSPENDING"`
	Ignored *typedsecret.Secret[string]      `secret:"-"`
	Inner   struct {
		Token *typedsecret.Secret[string] `secret:"api,key=token"`
	}
}

func init() { codec.Register[settings](codec.JSON{Lenient: true}) }

func main() {
	ctx := context.Background()
	_ = app.Fill(&filled)
	_ = lib.NewDB("wrapped", typedsecret.WithKey("inner"))
	_ = lib.Open[key]("generic")
	_ = lib.Open[map[string]lib.DBCreds]("generic-map")
	_ = lib.Repo[key]{}.Handle("repo")
	_ = typedsecret.New[string](*byFlag)
	_ = typedsecret.New[string](cmp.Or(os.Getenv("WITH_DEFAULT"), "prod/default"))
	_ = typedsecret.New[string](lib.Env("BY_FUNC", "prod/func"))
	for _, name := range []string{"loop/a", "loop/b"} {
		_ = typedsecret.New[string](name)
	}
	region := "eu"
	if len(os.Args) > 1 {
		region = "us"
	}
	_ = typedsecret.New[string](fmt.Sprintf("%s/%s-%d", "prod", region, len(os.Args)))
	cfg := settings{Secret: "from/field"}
	_ = typedsecret.New[string](cfg.Secret)
	_ = typedsecret.New[string](cfg.Tagged)
	local := func(id string) { _ = typedsecret.New[string]("literal/" + id) }
	local("x")
	type creds struct{ A, B string }
	_ = typedsecret.New[creds]("local/type")
	_, _ = tenants.Get(ctx, "tenants/"+os.Args[0]+"/key")
	read(ctx, "acme")
	_ = others.Secret("fixed")
	var c *cache.Cache
	_, _ = c.Get(ctx, secret.Ref{ID: "bytes", Stage: "AWSPENDING"})
	_ = typedsecret.Preload(ctx, inSet, arn, byEnv, lib.Own)
	_ = typedsecret.New[string](fmt.Sprintf("numbered/%04d%%", len(os.Args)))
}

func read(ctx context.Context, tenant string) {
	_, _, _ = tenants.GetWithInfo(ctx, "other/"+tenant)
}
