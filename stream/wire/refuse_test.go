package wire

import (
	"errors"
	"strings"
	"testing"

	"github.com/driftline/driftline/sketches"
)

// A number of 32 bits that is written as a larger one is not cut to fit: the bytes
// would stand for two values.
func TestDecoders_RefuseNumbersBeyondTheirField(t *testing.T) {
	t.Parallel()
	const beyond = 1<<32 + 2
	body := func(write func(e *sketches.Encoder)) []byte {
		var e sketches.Encoder
		write(&e)
		return e.Data()
	}
	source := func(e *sketches.Encoder, incarnation, partition int64) {
		e.String("t")
		e.Varint(incarnation)
		e.Varint(partition)
	}
	frontier := func(incarnation, partition, fold, partitions int64) []byte {
		return sketches.Frame(KindFrontier, schema, body(func(e *sketches.Encoder) {
			source(e, incarnation, partition)
			for _, v := range []int64{fold, 60_000, 0, partitions, 1, 1} {
				e.Varint(v)
			}
		}))
	}
	if _, err := DecodeFrontier(frontier(0, 1, 0, 2)); err != nil {
		t.Fatalf("a sound frontier: %v", err)
	}
	for name, b := range map[string][]byte{
		"incarnation":             frontier(beyond, 1, 0, 2),
		"partition":               frontier(0, beyond, 0, 4),
		"fold":                    frontier(0, 1, beyond, 2),
		"partitions":              frontier(0, 1, 0, beyond+10),
		"partitions of no broker": frontier(0, 1, 0, 1<<30),
		"no partition":            frontier(0, 0, 0, 0),
	} {
		if _, err := DecodeFrontier(b); !errors.Is(err, sketches.ErrCorrupt) {
			t.Errorf("%s: error %v, want corrupt bytes", name, err)
		}
	}
	slot := sketches.Frame(KindSlot, schema, body(func(e *sketches.Encoder) {
		e.String("m")
		e.Varint(beyond)
		e.Byte(0)
		for range 3 {
			e.Varint(1)
		}
		e.Count(0)
		e.Count(0)
	}))
	if _, err := DecodeSlot(slot); !errors.Is(err, sketches.ErrCorrupt) {
		t.Errorf("chunk of a slot: error %v, want corrupt bytes", err)
	}
}

func TestLayout_RefusesWhatCannotBeCalculatedWith(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		edit func(l *Layout)
		want string
	}{
		{"sound", func(*Layout) {}, ""},
		{"no resolution", func(l *Layout) { l.PaneMS = 0 }, "stream.resolution: 0 ms"},
		{"a slide that overflows", func(l *Layout) { l.PaneMS, l.SlotPanes = 1<<32, 1<<32 }, "stream.slide"},
		{"a slide of too many steps", func(l *Layout) { l.SlotPanes = 1 << 62 }, "stream.slide"},
		{"a lateness of an age", func(l *Layout) { l.LatenessMS = 1 << 62 }, "stream.lateness"},
		{"negative skew", func(l *Layout) { l.SkewMS = -1 }, "stream.skew: -1 ms"},
		{"a disorder of an age", func(l *Layout) { l.DisorderMS = 1 << 62 }, "stream.disorder"},
		{"no partitions", func(l *Layout) { l.PanesPartitions = 0 }, "stream.partitions: 0"},
		{"no windows", func(l *Layout) { l.WindowsMS = nil }, "windows: 0 of them"},
		{"windows out of order", func(l *Layout) { l.WindowsMS = []int64{7_200_000, 3_600_000} }, "must ascend"},
		{"a window that does not slide", func(l *Layout) { l.WindowsMS = []int64{90_000} }, "not a multiple"},
		{"a window longer than rings can be", func(l *Layout) { l.WindowsMS = []int64{1 << 60} }, "windows"},
		{"a window of half a slide beyond two", func(l *Layout) { l.WindowsMS = []int64{9_000_000} }, "not a multiple"},
		{"no topic with events", func(l *Layout) { l.Inputs = l.Inputs[1:] }, "no topic with events"},
		{"a topic twice", func(l *Layout) { l.Inputs = append(l.Inputs, l.Inputs[0]) }, "stands twice"},
		{"an unknown role", func(l *Layout) { l.Inputs = append(l.Inputs, Input{Topic: "x", Role: 9}) }, "role 9"},
		{"a topic without a name", func(l *Layout) { l.Inputs = append(l.Inputs, Input{Role: RoleEvents}) }, "without a name"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := sampleLayout()
			tt.edit(&l)
			_, err := DecodeLayout(l.Encode())
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}
