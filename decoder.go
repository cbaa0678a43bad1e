package typedsecret

import (
	"sync"
	"sync/atomic"

	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/secret"
)

// A decoder makes views from snapshots, and values from views. All handles on one T without
// options other than the cache share a decoder.
type decoder[T any] struct {
	set    settings
	choose sync.Once // writes chosen
	chosen atomic.Pointer[choice]
}

// A choice is the codec of a decoder, with the consequences of that codec.
type choice struct {
	codec   codec.Codec
	sharing sharing
	unfit   error // why the codec can't decode T, or nil
}

// decoderOf returns the decoder for handles with these settings. To save memory, all
// handles on one T without options other than the cache share a decoder, which chooses its
// codec once.
func decoderOf[T any](set settings) *decoder[T] {
	if !set.isPlain() {
		return &decoder[T]{set: set}
	}
	type key struct{ _ *T } // a different type for each T
	if set.cache != nil {
		return set.cache.Common(key{}, func() any { return &decoder[T]{set: set} }).(*decoder[T])
	}
	if d, known := plainDecoders.Load(key{}); known {
		return d.(*decoder[T])
	}
	return newPlainDecoder[T](key{}, set)
}

func newPlainDecoder[T any](key any, set settings) *decoder[T] {
	d, _ := plainDecoders.LoadOrStore(key, &decoder[T]{set: set})
	return d.(*decoder[T])
}

// plainDecoders are the decoders of handles without options.
var plainDecoders sync.Map

// prepare returns the decoder's choice, and makes it at the first call. New does not
// make it, since package variables are made before the init functions that register
// codecs run.
func (d *decoder[T]) prepare() *choice {
	d.choose.Do(func() {
		c := choice{codec: d.codecNow()}
		d.chosen.Store(&choice{codec: c.codec}) // remains if a method of the codec ends the goroutine
		c.unfit = codec.Check[T](c.codec)
		c.sharing = sharingOf[T](c.codec)
		if d.set.shared {
			c.sharing = share
		}
		d.chosen.Store(&c)
	})
	return d.chosen.Load()
}

// codecNow returns the codec that prepare would choose now.
func (d *decoder[T]) codecNow() codec.Codec {
	c := d.set.codec
	if c == nil {
		c = codec.For[T]()
	}
	if d.set.key != "" {
		c = codec.Key(d.set.key, c)
	}
	return c
}

// err returns what is wrong with the settings or with T, or nil. It uses the codec that was
// chosen, or that would be chosen now.
func (d *decoder[T]) err() error {
	if d.set.err != nil {
		return d.set.err
	}
	if c := d.chosen.Load(); c != nil {
		return c.unfit
	}
	return codec.Check[T](d.codecNow())
}

// ready prepares the decoder for reading ref. It returns an error if T can't be decoded.
func (d *decoder[T]) ready(ref secret.Ref) error {
	err := d.set.err
	if err == nil {
		err = d.prepare().unfit
	}
	if err == nil {
		return nil
	}
	return &Error{Ref: ref, Err: err}
}
