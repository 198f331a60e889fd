package artifacts_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/driftline/driftline/registry/artifacts"
)

func openDisk(t *testing.T, dir string) *artifacts.Disk {
	t.Helper()
	d, err := artifacts.OpenDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func TestLinksThatLeaveTheRootAreRefusedAndHidden(t *testing.T) {
	t.Parallel()
	root, outside := t.TempDir(), t.TempDir()
	secret := filepath.Join(outside, "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := openDisk(t, root)
	put(t, d, "in/real", "fine")
	for link, target := range map[string]string{
		"file": secret, "dir": outside, "rel": "../" + filepath.Base(outside), "inner": "in/real", "innerdir": "in", "dangling": "nowhere",
	} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []string{"file", "dir/secret", "rel/secret"} {
		if _, _, err := d.Open(t.Context(), p); !errors.Is(err, artifacts.ErrBadPath) {
			t.Errorf("Open(%q) = %v, want ErrBadPath", p, err)
		}
	}
	for _, p := range []string{"dir/new", "rel/new", "dir/deep/new"} {
		if err := d.Put(t.Context(), p, strings.NewReader("x"), 0); !errors.Is(err, artifacts.ErrBadPath) {
			t.Errorf("Put(%q) = %v, want ErrBadPath", p, err)
		}
	}
	if err := d.Delete(t.Context(), "dir/secret"); !errors.Is(err, artifacts.ErrBadPath) {
		t.Errorf("Delete through a link = %v, want ErrBadPath", err)
	}
	if _, err := d.List(t.Context(), "dir"); !errors.Is(err, artifacts.ErrBadPath) {
		t.Errorf("List through a link = %v, want ErrBadPath", err)
	}
	if got := get(t, d, "inner"); got != "fine" {
		t.Errorf("a link below the root reads %q", got)
	}
	want := []artifacts.Entry{{Path: "in", IsDir: true}, {Path: "inner", Size: 4}, {Path: "innerdir", IsDir: true}}
	if diff := cmp.Diff(want, list(t, d, "")); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
	// Writing or deleting a link itself touches the link, never its target.
	put(t, d, "file", "new")
	if err := d.Delete(t.Context(), "dir"); err != nil {
		t.Errorf("Delete of the link itself: %v", err)
	}
	if got, err := os.ReadFile(secret); err != nil || string(got) != "secret" {
		t.Errorf("the file outside is now %q, %v", got, err)
	}
	if names, err := os.ReadDir(outside); err != nil || len(names) != 1 {
		t.Errorf("outside holds %v, %v", names, err)
	}
}

func TestAFileAndADirectoryCannotShareAPathOnDisk(t *testing.T) {
	t.Parallel()
	d := openDisk(t, t.TempDir())
	put(t, d, "file", "x")
	put(t, d, "dir/file", "x")
	if err := d.Put(t.Context(), "file/below", strings.NewReader("y"), 0); !errors.Is(err, artifacts.ErrBadPath) {
		t.Errorf("Put below a file = %v, want ErrBadPath", err)
	}
	if err := d.Put(t.Context(), "dir", strings.NewReader("y"), 0); !errors.Is(err, artifacts.ErrIsDir) {
		t.Errorf("Put over a directory = %v, want ErrIsDir", err)
	}
	if _, _, err := d.Open(t.Context(), "dir"); !errors.Is(err, artifacts.ErrIsDir) {
		t.Errorf("Open of a directory = %v, want ErrIsDir", err)
	}
}

func TestANamedPipeNeitherBlocksNorOpens(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	d := openDisk(t, root)
	if err := syscall.Mkfifo(filepath.Join(root, "pipe"), 0o600); err != nil {
		t.Skipf("no named pipes here: %v", err)
	}
	if _, _, err := d.Open(t.Context(), "pipe"); !errors.Is(err, artifacts.ErrBadPath) {
		t.Errorf("Open = %v, want ErrBadPath", err)
	}
	if got := list(t, d, ""); len(got) != 0 {
		t.Errorf("List = %v, want nothing", got)
	}
}

func TestRestsOfOldUploadsAreSweptAndRunningOnesStay(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	openDisk(t, root)
	tmp := filepath.Join(root, ".driftline-tmp")
	for name, age := range map[string]time.Duration{"crashed": 25 * time.Hour, "running": time.Minute} {
		at := filepath.Join(tmp, name)
		if err := os.WriteFile(at, []byte("part"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(at, time.Now(), time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	openDisk(t, root)
	left, err := os.ReadDir(tmp)
	if err != nil || len(left) != 1 || left[0].Name() != "running" {
		t.Errorf("left over: %v, %v; want only the running upload", left, err)
	}
	if info, err := os.Stat(tmp); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode of the directory for uploads: %v, %v; want 0700", info.Mode(), err)
	}
}
