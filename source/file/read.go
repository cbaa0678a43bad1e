package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/typedsecret/typedsecret/internal/local"
	"github.com/typedsecret/typedsecret/secret"
)

// errLeadsOut is what os.Root says of paths and links that leave it, for which it has no
// name.
var errLeadsOut = errors.New("the path leads out of the directory")

var errNotRegular = errors.New("this is no regular file")

// errChanging says that a file changed while it was read.
var errChanging = errors.New("the file is being written")

// A file that changed within the time settle is read again after that time, at most so often.
const (
	settle  = 50 * time.Millisecond
	rereads = 4
)

// settled is read, again and again until two reads agree, unless the file is whole or has not
// changed for a while.
func settled(ctx context.Context, root *os.Root, path string, isWhole bool) ([]byte, time.Time, error) {
	var before []byte
	var writtenBefore time.Time
	for n := 0; ; n++ {
		data, written, err := read(root, path)
		isRepeated := n > 0 && written.Equal(writtenBefore) && bytes.Equal(data, before)
		clear(before)
		switch {
		case err != nil && !errors.Is(err, errChanging):
			return nil, time.Time{}, err
		case err == nil && (isWhole || time.Since(written) >= settle || isRepeated):
			return data, written, nil
		case n == rereads:
			clear(data)
			return nil, time.Time{}, fmt.Errorf("%w: the file %s is being written; rename files into place", secret.ErrUnavailable, path)
		}
		before, writtenBefore = data, written
		timer := time.NewTimer(settle)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			clear(data)
			return nil, time.Time{}, local.Ended(ctx)
		}
	}
}

// read returns the content of a regular file, and when it was written.
func read(root *os.Root, path string) ([]byte, time.Time, error) {
	// Nonblock, so that opening a named pipe does not wait for a writer.
	f, err := root.OpenFile(path, os.O_RDONLY|local.Nonblock, 0)
	if err != nil {
		return nil, time.Time{}, refusal(err)
	}
	defer f.Close()
	before, err := f.Stat()
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("%w: %w", secret.ErrUnavailable, err)
	}
	if !before.Mode().IsRegular() {
		return nil, time.Time{}, fmt.Errorf("%w: %w", secret.ErrNotFound, errNotRegular)
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		clear(data)
		return nil, time.Time{}, fmt.Errorf("%w: %w", secret.ErrUnavailable, err)
	}
	if len(data) > MaxSize {
		clear(data)
		return nil, time.Time{}, fmt.Errorf("%w: the file %s has more than the %d bytes that are allowed", secret.ErrInvalidRequest, path, MaxSize)
	}
	after, err := f.Stat()
	if err != nil || !after.ModTime().Equal(before.ModTime()) || after.Size() != int64(len(data)) {
		clear(data)
		return nil, time.Time{}, errChanging
	}
	return data, after.ModTime().UTC(), nil
}

// refusal sorts the error of opening a file: that no such file can be there is one thing,
// and that none can be opened now, for want of descriptors say, another.
func refusal(err error) error {
	var errno syscall.Errno
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %w", secret.ErrAccessDenied, err)
	case !errors.As(err, &errno): // not the system's but that of os.Root itself
		return fmt.Errorf("%w: %w", errLeadsOut, err)
	case errors.Is(err, fs.ErrNotExist), errno == syscall.ENOTDIR, errno == syscall.ELOOP, errno == syscall.ENAMETOOLONG:
		return fmt.Errorf("%w: %w", secret.ErrNotFound, err)
	}
	return fmt.Errorf("%w: %w", secret.ErrUnavailable, err)
}
