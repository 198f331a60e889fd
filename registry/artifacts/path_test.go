package artifacts_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/artifacts"
)

var badPaths = []string{
	"..", "../x", "a/../../x", "a/..", "./..", "/etc/passwd", "//host/share", "/",
	`a\b`, `..\..\x`, `\\host\share`, "C:/x", "c:x", "a\x00b", "a\nb", "a\x7fb", "a\u0085b", "\xff\xfe",
	strings.Repeat("a", 256), strings.Repeat("a/", 451), ".driftline-tmp", "./.driftline-tmp/x", ".DRIFTLINE-TMP/x",
}

func TestCleanRefusesPathsThatCouldLeaveTheRoot(t *testing.T) {
	t.Parallel()
	for _, p := range badPaths {
		if got, err := artifacts.Clean(p); !errors.Is(err, artifacts.ErrBadPath) || got != "" {
			t.Errorf("Clean(%q) = %q, %v; want ErrBadPath", p, got, err)
		}
	}
}

func TestCleanNormalisesGoodPaths(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"", ""}, {".", ""}, {"./", ""}, {".//.", ""}, {"a", "a"}, {"a/", "a"}, {"a//b/./c/", "a/b/c"},
		{"...", "..."}, {"a..b", "a..b"}, {"..a/b..", "..a/b.."}, {"%2e%2e/x", "%2e%2e/x"}, {"ab:c", "ab:c"}, {"ab:/x", "ab:/x"},
		{"#1 ü", "#1 ü"}, {"x/.driftline-tmp", "x/.driftline-tmp"},
	} {
		if got, err := artifacts.Clean(c.in); err != nil || got != c.want {
			t.Errorf("Clean(%q) = %q, %v; want %q", c.in, got, err, c.want)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, p := range badPaths {
		f.Add(p)
	}
	for _, p := range []string{"", "a/b/c", "a//b/./c/", "...", "%2e%2e/x"} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		got, err := artifacts.Clean(p)
		if err != nil {
			if !errors.Is(err, artifacts.ErrBadPath) || got != "" {
				t.Fatalf("Clean(%q) = %q, %v", p, got, err)
			}
			return
		}
		if got != "" && !filepath.IsLocal(got) {
			t.Fatalf("Clean(%q) = %q, which leaves the root", p, got)
		}
		if again, err := artifacts.Clean(got); err != nil || again != got {
			t.Fatalf("Clean is not stable: %q, then %q, %v", got, again, err)
		}
	})
}
