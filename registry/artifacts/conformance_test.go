package artifacts_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/driftline/driftline/registry/artifacts"
)

// TestMain gives the AWS SDK credentials for the S3 server of the tests and keeps
// it away from those of whoever runs them.
func TestMain(m *testing.M) {
	for k, v := range map[string]string{
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_REGION": "",
	} {
		if err := os.Setenv(k, v); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// each runs the test on a fresh store of both kinds.
func each(t *testing.T, test func(t *testing.T, st artifacts.Store)) {
	t.Helper()
	t.Run("disk", func(t *testing.T) {
		t.Parallel()
		st, err := artifacts.Open(t.Context(), t.TempDir(), artifacts.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = st.Close() })
		test(t, st)
	})
	t.Run("s3", func(t *testing.T) {
		t.Parallel()
		test(t, openS3(t, startFakeS3(t), "s3://models/prod/artifacts"))
	})
}

// startFakeS3 starts an S3 server in this process, with a bucket "models", and
// returns its URL.
func startFakeS3(t *testing.T) string {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("models"); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(srv.Close)
	return srv.URL
}

func openS3(t *testing.T, endpoint, root string) artifacts.Store {
	t.Helper()
	st, err := artifacts.Open(t.Context(), root, artifacts.Options{S3Endpoint: endpoint})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func put(t *testing.T, st artifacts.Store, path, body string) {
	t.Helper()
	if err := st.Put(t.Context(), path, strings.NewReader(body), 0); err != nil {
		t.Fatalf("Put(%q): %v", path, err)
	}
}

func get(t *testing.T, st artifacts.Store, path string) string {
	t.Helper()
	r, info, err := st.Open(t.Context(), path)
	if err != nil {
		t.Fatalf("Open(%q): %v", path, err)
	}
	body, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		t.Fatalf("read %q: %v", path, err)
	}
	if info.Size != int64(len(body)) {
		t.Errorf("Info.Size of %q = %d, read %d bytes", path, info.Size, len(body))
	}
	return string(body)
}

func list(t *testing.T, st artifacts.Store, dir string) []artifacts.Entry {
	t.Helper()
	entries, err := st.List(t.Context(), dir)
	if err != nil {
		t.Fatalf("List(%q): %v", dir, err)
	}
	return entries
}

func TestPutThenOpenGivesTheSameBytes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, st artifacts.Store) {
		before := time.Now().Add(-time.Hour).UnixMilli()
		for _, c := range []struct{ path, body string }{
			{"model.json", `{"trees":[]}`},
			{"3/9f0c/artifacts/empty.txt", ""},
			{"3/9f0c/artifacts/name with space #1 é+%20.bin", "\x00\xff\r\n"},
			{"3//9f0c/./artifacts/big.bin", strings.Repeat("0123456789abcdef", 70_000)}, // above 1 MB
		} {
			put(t, st, c.path, c.body)
			if got := get(t, st, c.path); got != c.body {
				t.Errorf("%q: got %d bytes that differ from the %d put", c.path, len(got), len(c.body))
			}
			r, info, err := st.Open(t.Context(), c.path)
			if err != nil {
				t.Fatal(err)
			}
			_ = r.Close()
			if info.ModMS < before || info.ModMS > time.Now().Add(time.Hour).UnixMilli() {
				t.Errorf("%q: ModMS = %d is not about now", c.path, info.ModMS)
			}
		}
		put(t, st, "model.json", "second")
		if got := get(t, st, "model.json"); got != "second" {
			t.Errorf("after a second Put: %q", got)
		}
	})
}

func TestAnUploadInSeveralPartsArrivesWhole(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, st artifacts.Store) {
		body := bytes.Repeat([]byte("part and parcel "), 20<<20/16) // 20 MiB, three parts on S3
		h := artifacts.NewHashing(bytes.NewReader(body))
		if err := st.Put(t.Context(), "big/model.bin", h, 32<<20); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(body)
		want := hex.EncodeToString(sum[:])
		if h.SHA256() != want || h.Size() != int64(len(body)) {
			t.Errorf("Hashing saw %d bytes with sum %s, want %d, %s", h.Size(), h.SHA256(), len(body), want)
		}
		got, size, err := artifacts.Digest(t.Context(), st, "big/model.bin")
		if err != nil || got != want || size != int64(len(body)) {
			t.Errorf("Digest = %s, %d, %v; want %s, %d", got, size, err, want, len(body))
		}
	})
}

func TestListShowsFilesAndDirectoriesSortedByName(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, st artifacts.Store) {
		for _, p := range []string{"run/b.txt", "run/a/x", "run/a/y/z", "run/a.txt", "run/A", "other"} {
			put(t, st, p, p)
		}
		want := []artifacts.Entry{
			{Path: "A", Size: 5}, {Path: "a", IsDir: true}, {Path: "a.txt", Size: 9}, {Path: "b.txt", Size: 9},
		}
		for _, dir := range []string{"run", "run/", "./run//"} {
			if d := cmp.Diff(want, list(t, st, dir)); d != "" {
				t.Errorf("List(%q) (-want +got):\n%s", dir, d)
			}
		}
		root := []artifacts.Entry{{Path: "other", Size: 5}, {Path: "run", IsDir: true}}
		for _, dir := range []string{"", ".", "./"} {
			if d := cmp.Diff(root, list(t, st, dir)); d != "" {
				t.Errorf("List(%q) (-want +got):\n%s", dir, d)
			}
		}
		for _, dir := range []string{"missing", "run/b.txt", "run/b.txt/below", "ru"} {
			if got := list(t, st, dir); len(got) != 0 {
				t.Errorf("List(%q) = %v, want nothing", dir, got)
			}
		}
	})
}

func TestDeleteRemovesFilesAndWholeDirectories(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, st artifacts.Store) {
		for _, p := range []string{"m/1/a", "m/1/sub/b", "m/10/a", "m/2"} {
			put(t, st, p, p)
		}
		if err := st.Delete(t.Context(), "m/1"); err != nil {
			t.Fatal(err)
		}
		want := []artifacts.Entry{{Path: "10", IsDir: true}, {Path: "2", Size: 3}}
		if d := cmp.Diff(want, list(t, st, "m")); d != "" {
			t.Errorf("after deleting m/1 (-want +got):\n%s", d)
		}
		if err := st.Delete(t.Context(), "m/2"); err != nil {
			t.Fatal(err)
		}
		if err := st.Delete(t.Context(), "m/10/a"); err != nil {
			t.Fatal(err)
		}
		if got := list(t, st, ""); len(got) != 0 {
			t.Errorf("empty directories are left: %v", got)
		}
		for _, p := range []string{"m/2", "m", "never/was", "m/2/below"} {
			if err := st.Delete(t.Context(), p); !errors.Is(err, artifacts.ErrNotFound) {
				t.Errorf("Delete(%q) = %v, want ErrNotFound", p, err)
			}
		}
	})
}

func TestTheRootIsNeverDeletable(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, st artifacts.Store) {
		put(t, st, "keep", "me")
		for _, p := range []string{"", ".", "./.", ".//", "././"} {
			if err := st.Delete(t.Context(), p); !errors.Is(err, artifacts.ErrRoot) {
				t.Errorf("Delete(%q) = %v, want ErrRoot", p, err)
			}
		}
		for _, p := range []string{"/", "keep/..", ".."} {
			if err := st.Delete(t.Context(), p); !errors.Is(err, artifacts.ErrBadPath) {
				t.Errorf("Delete(%q) = %v, want ErrBadPath", p, err)
			}
		}
		if got := get(t, st, "keep"); got != "me" {
			t.Errorf("keep = %q", got)
		}
	})
}

func TestBadPathsAreRefusedByEveryMethodBeforeReadingTheBody(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, st artifacts.Store) {
		for _, p := range badPaths {
			body := &counting{}
			_, _, openErr := st.Open(t.Context(), p)
			_, listErr := st.List(t.Context(), p)
			for what, err := range map[string]error{
				"Put": st.Put(t.Context(), p, body, 10), "Open": openErr, "List": listErr, "Delete": st.Delete(t.Context(), p),
			} {
				if !errors.Is(err, artifacts.ErrBadPath) {
					t.Errorf("%s(%q) = %v, want ErrBadPath", what, p, err)
				}
			}
			if body.reads != 0 {
				t.Errorf("Put(%q) read the body", p)
			}
		}
	})
}

type counting struct{ reads int }

func (c *counting) Read([]byte) (int, error) { c.reads++; return 0, io.EOF }

func TestOpenOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, st artifacts.Store) {
		put(t, st, "file", "x")
		for _, p := range []string{"missing", "file/below", "a/b/c"} {
			if _, _, err := st.Open(t.Context(), p); !errors.Is(err, artifacts.ErrNotFound) {
				t.Errorf("Open(%q) = %v, want ErrNotFound", p, err)
			}
		}
		if _, _, err := st.Open(t.Context(), ""); !errors.Is(err, artifacts.ErrBadPath) {
			t.Errorf("Open of the root = %v, want ErrBadPath", err)
		}
	})
}

// failing gives n bytes and then an error.
type failing struct{ n int }

var errBroken = errors.New("connection reset")

func (f *failing) Read(p []byte) (int, error) {
	if f.n == 0 {
		return 0, errBroken
	}
	n := min(len(p), f.n)
	f.n -= n
	return n, nil
}

func TestAFailedPutLeavesTheOldArtifact(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, st artifacts.Store) {
		put(t, st, "m/model", "old")
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		for _, c := range []struct {
			name  string
			ctx   context.Context
			body  io.Reader
			limit int64
			want  error
		}{
			{"one byte above the limit", t.Context(), strings.NewReader("12345"), 4, artifacts.ErrTooLarge},
			{"far above the limit, over several parts", t.Context(), io.LimitReader(zeros{}, 40<<20), 18 << 20, artifacts.ErrTooLarge},
			{"reader fails at once", t.Context(), &failing{}, 0, errBroken},
			{"reader fails midway", t.Context(), &failing{n: 100_000}, 0, errBroken},
			{"caller gave up", gone, strings.NewReader("new"), 0, context.Canceled},
		} {
			if err := st.Put(c.ctx, "m/model", c.body, c.limit); !errors.Is(err, c.want) {
				t.Errorf("%s: Put = %v, want %v", c.name, err, c.want)
			}
			if got := get(t, st, "m/model"); got != "old" {
				t.Errorf("%s: the artifact became %q", c.name, got)
			}
		}
		if err := st.Put(t.Context(), "m/model", strings.NewReader("1234"), 4); err != nil {
			t.Errorf("exactly the limit: %v", err)
		}
		if d := cmp.Diff([]artifacts.Entry{{Path: "model", Size: 4}}, list(t, st, "m")); d != "" {
			t.Errorf("rests of failed uploads (-want +got):\n%s", d)
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestReadersCanSeek(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, st artifacts.Store) {
		put(t, st, "digits", "0123456789")
		rc, _, err := st.Open(t.Context(), "digits")
		if err != nil {
			t.Fatal(err)
		}
		r, ok := rc.(io.ReadSeekCloser)
		if !ok {
			t.Fatalf("%T cannot seek", rc)
		}
		for _, c := range []struct {
			offset int64
			whence int
			n      int
			want   string
		}{
			{0, io.SeekStart, 3, "012"}, {2, io.SeekCurrent, 2, "56"}, {-3, io.SeekEnd, 3, "789"}, {1, io.SeekStart, 1, "1"}, {0, io.SeekCurrent, 1, "2"},
		} {
			if _, err := r.Seek(c.offset, c.whence); err != nil {
				t.Fatalf("Seek(%d, %d): %v", c.offset, c.whence, err)
			}
			got := make([]byte, c.n)
			if _, err := io.ReadFull(r, got); err != nil || string(got) != c.want {
				t.Errorf("after Seek(%d, %d) read %q, %v; want %q", c.offset, c.whence, got, err, c.want)
			}
		}
		if end, err := r.Seek(0, io.SeekEnd); end != 10 || err != nil {
			t.Errorf("Seek to the end = %d, %v", end, err)
		}
		if n, err := io.ReadFull(r, make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("Read at the end = %d, %v; want EOF", n, err)
		}
		if _, err := r.Seek(-1, io.SeekStart); err == nil {
			t.Error("Seek before the start was accepted")
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if _, err := r.Read(make([]byte, 1)); err == nil {
			t.Error("a closed reader reads on")
		}
	})
}

func TestAReaderNeverMixesTwoArtifacts(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, st artifacts.Store) {
		old, fresh := strings.Repeat("o", 300_000), strings.Repeat("n", 300_000)
		put(t, st, "m", old)
		r, _, err := st.Open(t.Context(), "m")
		if err != nil {
			t.Fatal(err)
		}
		put(t, st, "m", fresh)
		got, err := io.ReadAll(r)
		_ = r.Close()
		// Disk: the old bytes. S3: refused, since they are gone.
		if err == nil && string(got) != old || err != nil && len(got) != 0 {
			t.Errorf("read %d bytes (err %v), not all of the artifact that was opened", len(got), err)
		}
	})
}

func TestConcurrentPutsAndDeletesLeaveWholeArtifacts(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, st artifacts.Store) {
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i := range 20 {
					body := strings.Repeat(fmt.Sprint(w), 5000)
					if err := st.Put(t.Context(), "shared/dir/file", strings.NewReader(body), 0); err != nil {
						t.Errorf("Put: %v", err)
					}
					if w == 0 && i%4 == 0 {
						if err := st.Delete(t.Context(), "shared"); err != nil && !errors.Is(err, artifacts.ErrNotFound) {
							t.Errorf("Delete: %v", err)
						}
					}
				}
			})
		}
		wg.Wait()
		put(t, st, "shared/dir/file", "end")
		if d := cmp.Diff([]artifacts.Entry{{Path: "file", Size: 3}}, list(t, st, "shared/dir")); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}

func TestDigestTreeDependsOnNamesAndBytesOnly(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, st artifacts.Store) {
		for _, p := range []string{"v1/a/c", "v1/a.b", "v2/a.b", "v2/a/c"} {
			put(t, st, p, strings.TrimLeft(p, "v12"))
		}
		put(t, st, "v3/a.b", "/a.b")
		put(t, st, "v3/a/d", "/a/c")
		files, one, err := artifacts.DigestTree(t.Context(), st, "v1")
		if err != nil {
			t.Fatal(err)
		}
		if len(files) != 2 || files[0].Path != "a.b" || files[1].Path != "a/c" || files[0].Size != 4 {
			t.Errorf("files = %+v", files)
		}
		_, two, err := artifacts.DigestTree(t.Context(), st, "v2")
		if err != nil || one != two {
			t.Errorf("equal directories: %s and %s (%v)", one, two, err)
		}
		_, three, err := artifacts.DigestTree(t.Context(), st, "v3")
		if err != nil || one == three {
			t.Errorf("another name, same sum %s (%v)", three, err)
		}
		single, _, err := artifacts.DigestTree(t.Context(), st, "v1/a.b")
		if err != nil || len(single) != 1 || single[0].Path != "" || single[0].SHA256 != files[0].SHA256 {
			t.Errorf("tree of one file = %+v, %v", single, err)
		}
		if _, _, err := artifacts.DigestTree(t.Context(), st, "none"); !errors.Is(err, artifacts.ErrNotFound) {
			t.Errorf("tree of nothing: %v, want ErrNotFound", err)
		}
	})
}
