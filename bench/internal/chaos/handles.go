package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/codec"
)

// A handle is a typed handle with the model's knowledge about it.
type handle struct {
	name, id   string
	get        func(context.Context) (creds, error)
	withInfo   func(context.Context) (creds, typedsecret.Info, error)
	refresh    func(context.Context) (creds, error)
	invalidate func(context.Context) error
	do         func(ctx context.Context, refuse bool) (creds, error) // nil if the handle has no Do
	byID       bool
	isPrevious bool               // reads AWSPREVIOUS
	key        string             // the model's key for its secret
	preload    typedsecret.Handle // nil if the handle can't be preloaded

	// The fields below are guarded by run.mu.
	newest int  // values of earlier moves of the label may no longer be returned
	latest int  // the fetch of the value that it returned last ended at this tick or later
	good   bool // it has returned a value

	refused    time.Duration // when a Do was refused last
	isHopeless bool          // one has waited for its whole budget in vain, and none was accepted since
}

// A clonedT is a T that is cloned for each Get.
type clonedT struct{ M map[string]any }

func (c *clonedT) UnmarshalJSON(data []byte) error {
	var strict creds
	if err := (codec.JSON{}).Decode(data, &strict); err != nil {
		return err
	}
	return json.Unmarshal(data, &c.M)
}

func (c clonedT) Clone() clonedT { return clonedT{maps.Clone(c.M)} }

// A pickyT has a codec and a Validate that fail and panic.
type pickyT struct{ creds }

func (p pickyT) Validate() error {
	if p.N%7 == 6 {
		return errors.New("refused")
	}
	return nil
}

func (r *run) makeHandles() {
	with := typedsecret.WithCache(r.c)
	picky := codec.Func(func(data []byte) (pickyT, error) {
		if r.hits("codec", 30) {
			r.fault("codec panic")
			panic(string(data))
		}
		var p pickyT
		return p, (codec.JSON{}).Decode(data, &p.creds)
	})
	byID := typedsecret.NewByID[creds](with)
	for _, id := range r.ids {
		r.handles = append(r.handles,
			handleOf(r, "struct "+id, typedsecret.New[creds](id, with), func(c *creds) creds { return *c }),
			handleOf(r, "clone "+id, typedsecret.New[clonedT](id, with), func(c *clonedT) creds {
				n, _ := c.M["n"].(float64)
				text := func(key string) string { s, _ := c.M[key].(string); return s }
				got := creds{text("id"), int(n), text("password"), text("sum")}
				clear(c.M) // the caller owns the copy
				return got
			}),
			handleOf(r, "picky "+id, typedsecret.New[pickyT](id, with, typedsecret.WithCodec(picky)), func(p *pickyT) creds { return p.creds }),
			handleOf(r, "bytes "+id, typedsecret.New[[]byte](id, with), func(b *[]byte) creds {
				got := r.parse(id, string(*b))
				clear(*b)
				return got
			}),
			&handle{
				name: "byid " + id, id: id, key: id, byID: true,
				get:        func(ctx context.Context) (creds, error) { return byID.Get(ctx, id) },
				withInfo:   func(ctx context.Context) (creds, typedsecret.Info, error) { return byID.GetWithInfo(ctx, id) },
				refresh:    func(ctx context.Context) (creds, error) { return byID.Refresh(ctx, id) },
				invalidate: func(ctx context.Context) error { return byID.Invalidate(ctx, id) },
			})
	}
}

// parse returns the creds of a payload, also of one that does not decode.
func (r *run) parse(id, text string) creds {
	for _, n := range r.svc.history(id) {
		if payloadOf(id, n) == text {
			return credsOf(id, n)
		}
	}
	return creds{Sum: "a payload that no version has"}
}

func handleOf[T any](r *run, name string, s *typedsecret.Secret[T], show func(*T) creds) *handle {
	shown := func(v T, err error) (creds, error) {
		if err != nil {
			return creds{}, err
		}
		return show(&v), nil
	}
	r.silent(s)
	return &handle{
		name: name, id: s.ID(), key: s.ID(),
		get: func(ctx context.Context) (creds, error) { return shown(s.Get(ctx)) },
		withInfo: func(ctx context.Context) (creds, typedsecret.Info, error) {
			v, info, err := s.GetWithInfo(ctx)
			c, err := shown(v, err)
			return c, info, err
		},
		refresh:    func(ctx context.Context) (creds, error) { return shown(s.Refresh(ctx)) },
		invalidate: s.Invalidate,
		preload:    s,
		do: func(ctx context.Context, refuse bool) (got creds, err error) {
			err = s.Do(ctx, func(_ context.Context, v T) error {
				if refuse {
					refuse = false
					return typedsecret.Rejected(errors.New("refused"))
				}
				got = show(&v)
				return nil
			})
			return got, err
		},
	}
}

// ask calls one of the handle's methods. what is the call's name in the trace.
func (h *handle) ask(ctx context.Context, op int) (what string, got creds, info *typedsecret.Info, err error) {
	switch op {
	case 0:
		what = "Refresh"
		got, err = h.refresh(ctx)
	case 1:
		what = "Invalidate"
		err = h.invalidate(ctx)
	case 2, 3, 4:
		what = "GetWithInfo"
		var i typedsecret.Info
		got, i, err = h.withInfo(ctx)
		info = &i
	case 5, 6:
		if h.do != nil {
			what = fmt.Sprint("Do ", op == 6)
			got, err = h.do(ctx, op == 6)
			break
		}
		fallthrough
	default:
		what = "Get"
		got, err = h.get(ctx)
	}
	return what, got, info, err
}
