package artifacts

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
)

// maxTree bounds how many files DigestTree reads; a model directory has a few.
const maxTree = 10_000

// FileDigest is one file of a directory with the SHA-256 of its bytes.
type FileDigest struct {
	Path   string // relative to the directory
	Size   int64  // bytes
	SHA256 string // 64 hex digits
}

// Digest reads a stored artifact through and returns the SHA-256 of its bytes
// as 64 hex digits, and how many bytes there were.
func Digest(ctx context.Context, st Store, path string) (sum string, size int64, err error) {
	r, info, err := st.Open(ctx, path)
	if err != nil {
		return "", 0, err
	}
	h := sha256.New()
	size, err = io.Copy(h, newLimited(ctx, r, 0))
	if err = errors.Join(err, r.Close()); err != nil {
		return "", 0, fmt.Errorf("digest of artifact %q: %w", path, err)
	}
	if size != info.Size {
		return "", 0, fmt.Errorf("digest of artifact %q: read %d of %d bytes: %w", path, size, info.Size, io.ErrUnexpectedEOF)
	}
	return hex.EncodeToString(h.Sum(nil)), size, nil
}

// DigestTree returns the digests of all files below dir in path order, and one
// SHA-256 over them: path and digest of each file, both with their length in
// front, so that two directories have equal sums iff they hold the same files.
// A path that names a file counts as a directory with that one file, named "".
// ErrNotFound if there is nothing.
func DigestTree(ctx context.Context, st Store, dir string) (files []FileDigest, sum string, err error) {
	if err := walk(ctx, st, dir, "", &files); err != nil {
		return nil, "", err
	}
	if len(files) == 0 {
		one, size, err := Digest(ctx, st, dir)
		if err != nil {
			return nil, "", err
		}
		files = []FileDigest{{Size: size, SHA256: one}}
	}
	// Byte order of whole paths, which is not the order of the walk: "a.b" comes
	// before "a/c".
	slices.SortFunc(files, func(a, b FileDigest) int { return strings.Compare(a.Path, b.Path) })
	h := sha256.New()
	for _, f := range files {
		writeField(h, f.Path)
		writeField(h, f.SHA256)
	}
	return files, hex.EncodeToString(h.Sum(nil)), nil
}

func walk(ctx context.Context, st Store, dir, below string, files *[]FileDigest) error {
	entries, err := st.List(ctx, join(dir, below))
	if err != nil {
		return err
	}
	for _, e := range entries {
		at := join(below, e.Path)
		if e.IsDir {
			if err := walk(ctx, st, dir, at, files); err != nil {
				return err
			}
			continue
		}
		if len(*files) == maxTree {
			return fmt.Errorf("digest of artifact directory %q: more than %d files", dir, maxTree)
		}
		sum, size, err := Digest(ctx, st, join(dir, at))
		if err != nil {
			return err
		}
		*files = append(*files, FileDigest{Path: at, Size: size, SHA256: sum})
	}
	return nil
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "/" + b
}

func writeField(h hash.Hash, s string) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(s)))
	h.Write(n[:]) // a hash never fails to write
	h.Write([]byte(s))
}

// Hashing passes bytes on from a reader and keeps their SHA-256 and number, so
// that an upload needs no second pass:
//
//	h := artifacts.NewHashing(r)
//	err := st.Put(ctx, path, h, limit)
//	record(path, h.SHA256(), h.Size())
type Hashing struct {
	r io.Reader
	h hash.Hash
	n int64
}

// NewHashing returns a reader over r that hashes what is read.
func NewHashing(r io.Reader) *Hashing { return &Hashing{r: r, h: sha256.New()} }

// Read reads from the underlying reader.
func (h *Hashing) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	h.h.Write(p[:n])
	h.n += int64(n)
	return n, err
}

// SHA256 returns the sum of all bytes read so far, as 64 hex digits.
func (h *Hashing) SHA256() string { return hex.EncodeToString(h.h.Sum(nil)) }

// Size returns the number of bytes read so far.
func (h *Hashing) Size() int64 { return h.n }
