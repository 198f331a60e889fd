package artifacts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"
)

// Errors that callers branch on; test with errors.Is.
var (
	ErrBadPath  = errors.New("artifact path not allowed")
	ErrNotFound = errors.New("artifact not found")
	ErrTooLarge = errors.New("artifact too large")
	ErrIsDir    = errors.New("artifact path is a directory")
	ErrRoot     = errors.New("the artifact root cannot be deleted")
)

// Entry is one line of a directory listing.
type Entry struct {
	Path  string // base name, without the directory it was found in
	IsDir bool
	Size  int64 // bytes; 0 for a directory
}

// Info describes an opened artifact.
type Info struct {
	Size  int64 // bytes
	ModMS int64 // last change, milliseconds since the epoch, UTC
}

// Store is a home for artifacts; Disk and S3 are the two there are. All methods
// are safe for concurrent use and refuse a path that Clean refuses (ErrBadPath).
type Store interface {
	// List returns the entries directly below dir, sorted by name. A path that
	// is missing or names a file has no entries, which is no error.
	List(ctx context.Context, dir string) ([]Entry, error)
	// Open returns the artifact for reading; the caller closes it. The value is
	// an io.ReadSeekCloser too, so that ranges can be served. ErrNotFound if
	// nothing is there, ErrIsDir (disk) for a directory.
	Open(ctx context.Context, path string) (io.ReadCloser, Info, error)
	// Put writes the artifact, replacing an older one. At most limit bytes are
	// taken from r, above that ErrTooLarge and nothing is stored; limit ≤ 0
	// means no limit.
	Put(ctx context.Context, path string, r io.Reader, limit int64) error
	// Delete removes an artifact, or a directory with all below it. ErrRoot for
	// the root, ErrNotFound if nothing is there.
	Delete(ctx context.Context, path string) error
	// Root returns the root as a URL or absolute path, for messages and lists.
	Root() string
	// Close frees what the store holds open.
	Close() error
}

// Options are settings that the root does not carry.
type Options struct {
	// S3Endpoint is the URL of an S3-compatible store (MLFLOW_S3_ENDPOINT_URL);
	// empty means AWS. With an own endpoint buckets are addressed by path.
	S3Endpoint string
	// S3Region overrides the region of the environment; where neither names one
	// it is us-east-1.
	S3Region string
}

// FromEnv reads the options from environment variables through lookup, which is
// os.Getenv outside tests. Credentials are not among them: the AWS SDK reads its
// own variables and files.
func FromEnv(lookup func(string) string) Options {
	return Options{S3Endpoint: strings.TrimSpace(lookup("MLFLOW_S3_ENDPOINT_URL"))}
}

// Open opens the store that root names: "s3://bucket" or "s3://bucket/prefix",
// "file:///directory", or a plain directory, which is made if it is missing.
func Open(ctx context.Context, root string, opts Options) (Store, error) {
	scheme, rest, found := strings.Cut(root, ":")
	switch {
	case strings.TrimSpace(root) == "":
		return nil, errors.New("artifact root is empty; give a directory or s3://bucket/prefix")
	case !found || filepath.VolumeName(root) != "" || strings.ContainsAny(scheme, `/\.`):
		return OpenDisk(root)
	case scheme == "s3":
		return OpenS3(ctx, root, opts)
	case scheme == "file":
		dir, err := fileURLPath(root, rest)
		if err != nil {
			return nil, err
		}
		return OpenDisk(dir)
	default:
		return nil, fmt.Errorf("artifact root %q: scheme %q is not supported; give a directory, file:///directory or s3://bucket/prefix", root, scheme)
	}
}

// fileURLPath returns the directory of a file URL. Only absolute local paths are
// taken: a host, a query or a fragment would be dropped in silence otherwise.
func fileURLPath(root, rest string) (string, error) {
	u, err := url.Parse(root)
	if err != nil {
		return "", fmt.Errorf("artifact root %q: %w", root, err)
	}
	if (u.Host != "" && u.Host != "localhost") || u.RawQuery != "" || u.Fragment != "" || !strings.HasPrefix(u.Path, "/") || strings.Contains(rest, `\`) {
		return "", fmt.Errorf("artifact root %q: a file URL has the form file:///absolute/directory", root)
	}
	return filepath.FromSlash(u.Path), nil
}

// limited reads from r and fails with ErrTooLarge once more than limit bytes
// have come, and with the context's error once that is done.
type limited struct {
	ctx   context.Context // of one Put call; the reader does not outlive it
	r     io.Reader
	left  int64
	limit int64 // ≤ 0: none
}

func newLimited(ctx context.Context, r io.Reader, limit int64) *limited {
	return &limited{ctx: ctx, r: r, left: limit, limit: limit}
}

func (l *limited) Read(p []byte) (int, error) {
	if err := l.ctx.Err(); err != nil {
		return 0, err
	}
	if l.limit <= 0 {
		return l.r.Read(p)
	}
	// One byte beyond the limit is asked for, to tell "exactly full" from "more".
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if int64(n) > l.left {
		return 0, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, l.limit)
	}
	l.left -= int64(n)
	return n, err
}
