package leaks

import (
	"context"
	"encoding/json"
	"fmt"
	"log"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-secretsmanager-caching-go/v2/secretcache"
)

func sdkString(ctx context.Context, c *secretsmanager.Client, in *secretsmanager.GetSecretValueInput) {
	out, _ := c.GetSecretValue(ctx, in)
	log.Println(*out.SecretString) // want `\*out.SecretString holds the secret that c.GetSecretValue gave`
}

func sdkBinary(ctx context.Context, c *secretsmanager.Client, in *secretsmanager.GetSecretValueInput) {
	out, _ := c.GetSecretValue(ctx, in)
	fmt.Printf("%x\n", out.SecretBinary) // want `out.SecretBinary holds`
}

func sdkBatch(ctx context.Context, c *secretsmanager.Client, in *secretsmanager.BatchGetSecretValueInput) {
	out, _ := c.BatchGetSecretValue(ctx, in)
	for _, v := range out.SecretValues {
		fmt.Println(*v.Name, *v.SecretString) // want `\*v.SecretString holds`
	}
}

func cachingClient(c *secretcache.Cache) {
	s, err := c.GetSecretString("prod/db")
	log.Println(s, err) // want `s holds the secret that c.GetSecretString gave`
}

func sdkDecoded(ctx context.Context, c *secretsmanager.Client, in *secretsmanager.GetSecretValueInput) error {
	out, err := c.GetSecretValue(ctx, in)
	if err != nil {
		return err
	}
	var conf struct {
		Username string `json:"username"`
		Password string `json:"password"`
	}
	if err := json.Unmarshal([]byte(*out.SecretString), &conf); err != nil {
		return err
	}
	log.Printf("conf %+v", conf) // want `conf holds`
	return nil
}

func sdkMap(ctx context.Context, c *secretsmanager.Client, in *secretsmanager.GetSecretValueInput) {
	out, _ := c.GetSecretValue(ctx, in)
	m := map[string]any{}
	_ = json.Unmarshal([]byte(aws.ToString(out.SecretString)), &m)
	for k, v := range m {
		fmt.Println(k, v) // want `v holds`
	}
}

// valueGetter is what programs declare for their fakes.
type valueGetter interface {
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
}

func sdkInterface(ctx context.Context, g valueGetter, in *secretsmanager.GetSecretValueInput) (string, error) {
	out, err := g.GetSecretValue(ctx, in)
	if err != nil {
		return "", err
	}
	if len(*out.SecretString) < 8 {
		return "", fmt.Errorf("secret %q is too short", *out.SecretString) // want `reaches fmt.Errorf`
	}
	return *out.SecretString, nil
}

func throughFunction(ctx context.Context, g valueGetter, in *secretsmanager.GetSecretValueInput) {
	s, _ := sdkInterface(ctx, g, in)
	log.Println("got", s) // want `s holds`
}
