package multivariate

import (
	"encoding/hex"
	"errors"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/driftline/driftline/sketches"
)

func smallLaw() *Law {
	return &Law{
		Rows: 12.5, Runs: 400, Block: 2, Seed: 7,
		Paths: []PathLaw{
			{Path: Path{StatDistance, 2}, Mean: 0.01, SD: 1.5, Skew: 0.9},
			{Path: Path{StatPair, 2}, Mean: 8, SD: math.Inf(1)},
			{Path: Path{StatDistance, 5}, Mean: 0.02, SD: 1.25, Skew: 1.1},
		},
		Limits: []Limits{{Target: 200, First: []float64{3, 2.5}, Rest: 2.75, Alarms: 61}},
	}
}

// goldenLaw is smallLaw in bytes, for ever.
const goldenLaw = "44524654040100000000000029409003000000000000004007000000000000000300027b14ae47e17a843f000000000000f83fcdccccccccccec3f04020000000000002040000000000000f07f000000000000000000057b14ae47e17a943f000000000000f43f9a9999999999f13f01000000000000694002000000000000084000000000000004400000000000000640"

func TestLaw_Bytes(t *testing.T) {
	t.Parallel()
	raw := smallLaw().Encode()
	if got := hex.EncodeToString(raw[:len(raw)-5]); got != goldenLaw {
		t.Errorf("bytes changed; a change needs a new schema number\ngot  %s\nwant %s", got, goldenLaw)
	}
	got, err := DecodeLaw(raw)
	if err != nil || !reflect.DeepEqual(got, smallLaw()) {
		t.Errorf("reads back as %+v, %v", got, err)
	}
	broken := slices.Clone(raw)
	broken[9] ^= 4
	if _, err := DecodeLaw(broken); !errors.Is(err, sketches.ErrChecksum) {
		t.Errorf("a flipped bit: %v", err)
	}
	for name, change := range map[string]func(*Law){
		"no paths":            func(l *Law) { l.Paths = nil },
		"no limits":           func(l *Law) { l.Limits = nil },
		"no such statistic":   func(l *Law) { l.Paths[2].Statistic = statistics },
		"the same path twice": func(l *Law) { l.Paths[1].Statistic = StatDistance },
		"a window of nothing": func(l *Law) { l.Paths[0].Panes = 0 },
		"a mean of no number": func(l *Law) { l.Paths[0].Mean = math.NaN() },
		"no spread":           func(l *Law) { l.Paths[0].SD = 0 },
		"no limit":            func(l *Law) { l.Limits[0].Rest = math.Inf(1) },
		"alarms at all times": func(l *Law) { l.Limits[0].Target = 1 },
	} {
		l := smallLaw()
		change(l)
		if _, err := DecodeLaw(l.Encode()); !errors.Is(err, ErrBadLaw) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecodeLaw(f *testing.F) {
	f.Add(smallLaw().Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		check := func(b []byte) {
			if l, err := DecodeLaw(b); err == nil && !slices.Equal(l.Encode(), b) {
				t.Fatalf("accepted %x, which encodes to %x", b, l.Encode())
			}
		}
		check(b)
		check(sketches.Frame(sketches.FrameJointLaw, lawSchema, b)) // past the checksum
		if _, _, body, err := sketches.Unframe(b); err == nil {
			check(sketches.Frame(sketches.FrameJointLaw, lawSchema, body))
		}
	})
}
