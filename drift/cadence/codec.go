package cadence

import (
	"fmt"

	"github.com/driftline/driftline/sketches"
)

const volumeSchema = 1

// maxKept bounds the units of a decoded volume.
const maxKept = KeptWeeks*minUnits + 1

// Encode returns the canonical bytes, to live inside a frame: schema, part, week, newest
// unit and its parts, then the units from the oldest on as runs of (length, rows + 1),
// 0 for unknown.
func (v *Volume) Encode() []byte {
	var e sketches.Encoder
	e.Byte(volumeSchema)
	e.Varint(v.PartMS())
	e.Varint(v.weekMS)
	e.Varint(v.newest)
	e.Varint(v.got)
	if v.got == 0 {
		return e.Data()
	}
	oldest := v.newest - int64(len(v.rows)) + 1
	run, last := uint64(0), int64(0)
	for u := oldest; u <= v.newest; u++ {
		x := v.rows[v.place(u)]
		if run > 0 && x != last {
			e.Uvarint(run)
			e.Uvarint(uint64(last + 1))
			run = 0
		}
		run, last = run+1, x
	}
	e.Uvarint(run)
	e.Uvarint(uint64(last + 1))
	return e.Data()
}

// DecodeVolume reads what Encode wrote, and nothing else.
//
// Errors: sketches.ErrSchema, sketches.ErrCorrupt.
func DecodeVolume(b []byte) (*Volume, error) {
	d := sketches.NewDecoder(b)
	if s := d.Byte(); d.Err() == nil && s != volumeSchema {
		return nil, fmt.Errorf("volume: %w %d, this build reads %d: use a newer driftline", sketches.ErrSchema, s, volumeSchema)
	}
	partMS, weekMS := d.Varint(), d.Varint()
	newest, got := d.Varint(), d.Varint()
	if d.Err() != nil {
		return nil, fmt.Errorf("volume: %w", d.Err())
	}
	const maxWeekMS = 1 << 40 // keeps products within 64 bits
	var v *Volume
	if partMS > 0 && partMS <= weekMS && weekMS <= maxWeekMS {
		v, _ = NewVolume(partMS, weekMS)
	}
	if v == nil || len(v.rows) > maxKept {
		return nil, fmt.Errorf("volume: %w: parts of %d ms in weeks of %d ms", sketches.ErrCorrupt, partMS, weekMS)
	}
	if got < 0 || got > v.parts || newest > 1<<50 || newest < -1<<50 || got == 0 && newest != 0 {
		return nil, fmt.Errorf("volume: %w: unit %d, part %d of %d", sketches.ErrCorrupt, newest, got, v.parts)
	}
	v.newest, v.got = newest, got
	last := int64(-2)
	for left := uint64(len(v.rows)); got > 0 && left > 0; {
		run, x := d.Uvarint(), d.Uvarint()
		if d.Err() != nil {
			break
		}
		if run < 1 || run > left || x > uint64(maxRows)+1 || int64(x)-1 == last {
			d.Fail("run of %d units of %d rows with %d left", run, int64(x)-1, left)
			break
		}
		last = int64(x) - 1
		for range run {
			v.rows[v.place(v.newest-int64(left)+1)] = last
			left--
		}
	}
	if err := d.Finish(); err != nil {
		return nil, fmt.Errorf("volume: %w", err)
	}
	return v, nil
}
