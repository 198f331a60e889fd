package artifacts

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxPath    = 900 // bytes; an S3 key may have 1,024 including the prefix
	maxSegment = 255 // bytes; what common file systems allow for one name

	// tempDir holds unfinished uploads of a Disk. It lies below the root, so that
	// a rename never crosses file systems, and is hidden from every path.
	tempDir = ".driftline-tmp"
)

// Clean returns p without empty and "." segments and without a slash at the end;
// "" is the root. It refuses, with ErrBadPath, what could lead outside the root
// or be read differently by another layer: absolute paths, ".." segments, back
// slashes, drive letters ("C:"), control characters, invalid UTF-8, names that
// are too long, and the directory of unfinished uploads.
func Clean(p string) (string, error) {
	switch {
	case len(p) > maxPath:
		return "", fmt.Errorf("%w: %d bytes long, at most %d", ErrBadPath, len(p), maxPath)
	case !utf8.ValidString(p):
		return "", fmt.Errorf("%w: %q is not valid UTF-8", ErrBadPath, p)
	case strings.HasPrefix(p, "/"):
		return "", fmt.Errorf("%w: %q is absolute; paths are relative to the artifact root", ErrBadPath, p)
	case strings.Contains(p, `\`):
		return "", fmt.Errorf("%w: %q contains a back slash", ErrBadPath, p)
	case strings.ContainsFunc(p, unicode.IsControl):
		return "", fmt.Errorf("%w: %q contains a control character", ErrBadPath, p)
	}
	segments := make([]string, 0, 8)
	for seg := range strings.SplitSeq(p, "/") {
		switch {
		case seg == "" || seg == ".":
			continue
		case seg == "..":
			return "", fmt.Errorf("%w: %q contains a .. segment", ErrBadPath, p)
		case len(seg) > maxSegment:
			return "", fmt.Errorf("%w: a name of %d bytes, at most %d", ErrBadPath, len(seg), maxSegment)
		}
		segments = append(segments, seg)
	}
	if len(segments) == 0 {
		return "", nil
	}
	first := segments[0]
	if len(first) >= 2 && first[1] == ':' && isLetter(first[0]) {
		return "", fmt.Errorf("%w: %q begins with a drive letter", ErrBadPath, p)
	}
	if strings.EqualFold(first, tempDir) {
		return "", fmt.Errorf("%w: %q is reserved for unfinished uploads", ErrBadPath, p)
	}
	return strings.Join(segments, "/"), nil
}

func isLetter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }

// cleanFile is Clean for paths that must name something below the root.
func cleanFile(p string) (string, error) {
	c, err := Clean(p)
	if err == nil && c == "" {
		return "", fmt.Errorf("%w: %q names the artifact root", ErrBadPath, p)
	}
	return c, err
}

// reachable tells whether a name found in the store can be part of a path. What
// other tools may have put there under other names is not listed.
func reachable(name string) bool {
	c, err := Clean(name)
	return err == nil && c == name && name != ""
}
