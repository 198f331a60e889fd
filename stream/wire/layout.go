package wire

import (
	"errors"
	"fmt"

	"github.com/driftline/driftline/sketches"
)

// Role says whether a topic's records hold windows up.
type Role uint8

// RoleEvents topics are folded and waited for; RoleLabels topics are counted only.
const (
	RoleEvents Role = 1
	RoleLabels Role = 2
)

// Input is one input topic of a layout.
type Input struct {
	Topic       string
	Incarnation int32
	Role        Role
}

// What a layout may say: lengths of up to ten years, so that sums of times cannot
// overflow, and slots and rings that a process can hold.
const (
	maxLengthMS  = int64(10 * 366 * 86_400_000)
	maxSlotPanes = int64(1 << 16)
	maxRingSlots = int64(1 << 20)
)

// Layout fixes, for all processes of one deployment, what must be equal between
// them. It changes only by a new layout.
type Layout struct {
	PaneMS          int64
	SlotPanes       int64 // panes per slot
	LatenessMS      int64
	SkewMS          int64
	DisorderMS      int64
	PanesPartitions int32
	WindowsMS       []int64 // ascending; the last one fixes how much the rings keep
	Inputs          []Input
}

// LongestMS returns the longest window.
func (l Layout) LongestMS() int64 {
	if len(l.WindowsMS) == 0 {
		return 0
	}
	return l.WindowsMS[len(l.WindowsMS)-1]
}

// SlotMS returns the length of a slot.
func (l Layout) SlotMS() int64 { return l.PaneMS * l.SlotPanes }

// Ring0 is how many panes the fine ring holds: 4 slots.
func (l Layout) Ring0() int64 { return 4 * l.SlotPanes }

// Ring1 is how many slots the coarse ring holds.
func (l Layout) Ring1() int64 { return max(1, l.LongestMS()/max(1, l.SlotMS())) + 24 }

// Hop returns by how much a window of the given length slides: the pane up to two
// slots, the slot beyond.
func (l Layout) Hop(windowMS int64) int64 {
	if windowMS <= 2*l.SlotMS() {
		return l.PaneMS
	}
	return l.SlotMS()
}

// CheckWindow reports why a window length does not fit the layout.
func (l Layout) CheckWindow(windowMS int64) error {
	hop := l.Hop(windowMS)
	switch {
	case windowMS < l.PaneMS:
		return fmt.Errorf("window of %d ms is shorter than the resolution of %d ms", windowMS, l.PaneMS)
	case windowMS%hop != 0:
		return fmt.Errorf("window of %d ms is not a multiple of %d ms, by which windows of this length slide", windowMS, hop)
	case windowMS > l.LongestMS():
		return fmt.Errorf("window of %d ms is longer than the longest this layout keeps, %d ms", windowMS, l.LongestMS())
	}
	return nil
}

// Validate returns every fault.
func (l Layout) Validate() error {
	var errs []error
	add := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	add(l.PaneMS >= 1 && l.PaneMS <= maxLengthMS, "stream.resolution: %d ms, must be 1 to %d ms", l.PaneMS, maxLengthMS)
	add(l.SlotPanes >= 1 && l.SlotPanes <= maxSlotPanes, "stream.slide: %d times the resolution, must be 1 to %d times", l.SlotPanes, maxSlotPanes)
	for _, x := range []struct {
		key string
		ms  int64
	}{{"lateness", l.LatenessMS}, {"skew", l.SkewMS}, {"disorder", l.DisorderMS}} {
		add(x.ms >= 0 && x.ms <= maxLengthMS, "stream.%s: %d ms, must be 0 to %d ms", x.key, x.ms, maxLengthMS)
	}
	add(l.PanesPartitions >= 1 && l.PanesPartitions <= 4096, "stream.partitions: %d, must be 1 to 4096", l.PanesPartitions)
	events := 0
	seen := map[string]bool{}
	for _, in := range l.Inputs {
		add(in.Topic != "", "stream.inputs: a topic without a name")
		add(!seen[in.Topic], "stream.inputs: topic %q stands twice", in.Topic)
		seen[in.Topic] = true
		add(in.Role == RoleEvents || in.Role == RoleLabels, "stream.inputs: topic %q has role %d", in.Topic, in.Role)
		if in.Role == RoleEvents {
			events++
		}
	}
	add(events > 0, "stream.inputs: no topic with events")
	add(len(l.WindowsMS) > 0 && len(l.WindowsMS) <= 16, "windows: %d of them, want 1 to 16", len(l.WindowsMS))
	if len(errs) == 0 {
		for i, w := range l.WindowsMS {
			add(i == 0 || w > l.WindowsMS[i-1], "windows: %d ms after %d ms, must ascend", w, l.WindowsMS[max(0, i-1)])
			add(w <= maxLengthMS, "windows: %d ms, must be at most %d ms", w, maxLengthMS)
			if err := l.CheckWindow(w); err != nil {
				errs = append(errs, fmt.Errorf("windows: %w", err))
			}
		}
	}
	if len(errs) == 0 {
		add(l.Ring1() <= maxRingSlots, "windows: %d ms is %d times stream.slide, at most %d", l.LongestMS(), l.Ring1(), maxRingSlots)
	}
	return errors.Join(errs...)
}

// Encode returns the framed bytes.
func (l Layout) Encode() []byte {
	var e sketches.Encoder
	for _, v := range []int64{l.PaneMS, l.SlotPanes, l.LatenessMS, l.SkewMS, l.DisorderMS, int64(l.PanesPartitions)} {
		e.Varint(v)
	}
	e.Count(len(l.WindowsMS))
	for _, w := range l.WindowsMS {
		e.Varint(w)
	}
	e.Count(len(l.Inputs))
	for _, in := range l.Inputs {
		e.String(in.Topic)
		e.Varint(int64(in.Incarnation))
		e.Byte(byte(in.Role))
	}
	return sketches.Frame(KindLayout, schema, e.Data())
}

// DecodeLayout reads what Encode wrote and validates it.
func DecodeLayout(b []byte) (l Layout, err error) {
	d, err := open(b, KindLayout, "layout")
	if err != nil {
		return l, err
	}
	for _, p := range []*int64{&l.PaneMS, &l.SlotPanes, &l.LatenessMS, &l.SkewMS, &l.DisorderMS} {
		*p = d.Varint()
	}
	l.PanesPartitions = decodeInt32(d, "partitions")
	for range d.Count(1) {
		l.WindowsMS = append(l.WindowsMS, d.Varint())
	}
	for range d.Count(3) {
		l.Inputs = append(l.Inputs, Input{Topic: d.String(), Incarnation: decodeInt32(d, "incarnation"), Role: Role(d.Byte())})
	}
	if err := d.Finish(); err != nil {
		return l, err
	}
	return l, l.Validate()
}
