package wire

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/driftline/driftline/sketches"
)

var update = flag.Bool("update", false, "write golden files anew")

// The bytes of every (kind, schema) are kept for ever: a log written by an old
// driftline must be readable, and equal values must have equal bytes across
// versions, since ids are hashes of them. A new schema gets a new file.
func TestGolden_BytesOfEveryKindStayAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, f := range forms(t) {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			for _, name := range slices.Sorted(maps.Keys(f.samples)) {
				raw := f.samples[name]
				if f.kind == 0 {
					fmt.Fprintf(&b, "%s: %s\n", name, raw)
				} else {
					fmt.Fprintf(&b, "%s: %s\n", name, hex.EncodeToString(raw))
				}
			}
			path := filepath.Join("testdata", f.name+".v1.golden")
			if *update {
				must(t, os.WriteFile(path, []byte(b.String()), 0o644))
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatalf("%v; write it once with -update", err)
			}
			if b.String() != string(want) {
				t.Errorf("bytes of %s changed; a change needs a new schema number\ngot\n%swant\n%s", f.name, b.String(), want)
			}
		})
	}
}

func TestGolden_OldBytesAreReadAndWrittenAgainUnchanged(t *testing.T) {
	t.Parallel()
	for _, f := range forms(t) {
		text, err := os.ReadFile(filepath.Join("testdata", f.name+".v1.golden"))
		must(t, err)
		for line := range strings.Lines(string(text)) {
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			raw := []byte(value)
			if f.kind != 0 {
				raw, err = hex.DecodeString(value)
				must(t, err)
			}
			got, err := f.again(raw)
			if err != nil {
				t.Errorf("%s, %s: %v", f.name, name, err)
				continue
			}
			if !bytes.Equal(got, raw) {
				t.Errorf("%s, %s: read and written again\ngot  %x\nwant %x", f.name, name, got, raw)
			}
		}
	}
}

// Whatever is done to one byte, a frame is refused; and past the checksum a decoder
// still refuses a wrong kind, an unknown schema, a cut and bytes left over.
func TestDecoders_RefuseDamage(t *testing.T) {
	t.Parallel()
	for _, f := range forms(t) {
		if f.kind == 0 {
			continue
		}
		for name, raw := range f.samples {
			for i := range raw {
				bad := bytes.Clone(raw)
				bad[i] ^= 0x10
				if _, err := f.again(bad); err == nil || !known(err) {
					t.Fatalf("%s, %s, byte %d flipped: error %v, want one of the codec", f.name, name, i, err)
				}
			}
			kind, s, body, err := sketches.Unframe(raw)
			must(t, err)
			for what, b := range map[string][]byte{
				"nothing":          nil,
				"another kind":     sketches.Frame(kind+1, s, body),
				"unknown schema":   sketches.Frame(kind, s+1, body),
				"bytes left over":  sketches.Frame(kind, s, append(bytes.Clone(body), 0)),
				"an empty body":    sketches.Frame(kind, s, nil),
				"the last is lost": sketches.Frame(kind, s, body[:len(body)-1]),
			} {
				if _, err := f.again(b); err == nil {
					t.Errorf("%s, %s: %s is accepted", f.name, name, what)
				}
			}
		}
	}
}
