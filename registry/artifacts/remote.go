package artifacts

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// remote reads an object whose bytes are fetched on demand. Seeking costs
// nothing until the next Read, which then starts a new fetch; so a range of a
// large model costs only that range. Not safe for concurrent use, like any file.
type remote struct {
	ctx   context.Context // of the Open call that made the reader, which it serves
	fetch func(ctx context.Context, from int64) (io.ReadCloser, error)
	size  int64
	at    int64         // where the next byte comes from
	body  io.ReadCloser // nil until the first Read after Open or Seek
	done  bool
}

var _ io.ReadSeekCloser = (*remote)(nil)

func newRemote(ctx context.Context, size int64, fetch func(context.Context, int64) (io.ReadCloser, error)) *remote {
	return &remote{ctx: ctx, fetch: fetch, size: size}
}

var errClosed = errors.New("artifact reader is closed")

func (r *remote) Read(p []byte) (int, error) {
	switch {
	case r.done:
		return 0, errClosed
	case r.at >= r.size:
		return 0, io.EOF
	case len(p) == 0:
		return 0, nil
	}
	if r.body == nil {
		body, err := r.fetch(r.ctx, r.at)
		if err != nil {
			return 0, err
		}
		r.body = body
	}
	n, err := r.body.Read(p)
	r.at += int64(n)
	if errors.Is(err, io.EOF) && r.at < r.size {
		err = fmt.Errorf("artifact ended at byte %d of %d: %w", r.at, r.size, io.ErrUnexpectedEOF)
	}
	return n, err
}

// Seek implements io.Seeker; the next Read asks the store from there.
func (r *remote) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.size
	default:
		return 0, fmt.Errorf("seek in artifact: unknown origin %d", whence)
	}
	if r.done {
		return 0, errClosed
	}
	if offset < 0 {
		return 0, fmt.Errorf("seek in artifact to %d, before its start", offset)
	}
	if offset == r.at {
		return offset, nil
	}
	r.at = offset
	return offset, r.drop()
}

// Close ends the fetch that may be running.
func (r *remote) Close() error {
	r.done = true
	return r.drop()
}

func (r *remote) drop() error {
	if r.body == nil {
		return nil
	}
	body := r.body
	r.body = nil
	return body.Close()
}
