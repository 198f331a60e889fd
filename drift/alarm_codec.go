package drift

import (
	"fmt"

	"github.com/driftline/driftline/sketches"
)

const alarmSchema = 1

// Flags of an encoded alarm state.
const (
	flagStale = 1 << iota
	flagStarted
	flagUnknown
	flagEnd
)

// Encode returns the canonical bytes of the state, to live inside a frame:
//
//	schema | phase | flags | hi | lo | level | episode | emitted | last valid
func (st AlarmState) Encode() []byte {
	var e sketches.Encoder
	e.Byte(alarmSchema)
	st.EncodeTo(&e)
	return e.Data()
}

// EncodeTo appends the state without its schema byte.
func (st AlarmState) EncodeTo(e *sketches.Encoder) {
	e.Byte(byte(st.Phase))
	flags := byte(0)
	if st.Stale {
		flags |= flagStale
	}
	if st.Started {
		flags |= flagStarted
	}
	if st.Unknown {
		flags |= flagUnknown
	}
	e.Byte(flags)
	for _, n := range []int{st.Hi, st.Lo, st.Level} {
		e.Uvarint(uint64(n))
	}
	for _, t := range []int64{st.EpisodeMS, st.EmittedMS, st.LastValidMS} {
		e.Varint(t)
	}
}

// DecodeAlarmState reads what Encode wrote, and nothing else.
//
// Errors: sketches.ErrSchema, sketches.ErrCorrupt.
func DecodeAlarmState(b []byte) (AlarmState, error) {
	d := sketches.NewDecoder(b)
	if v := d.Byte(); d.Err() == nil && v != alarmSchema {
		return AlarmState{}, fmt.Errorf("alarm state: %w %d, this build reads %d: use a newer driftline", sketches.ErrSchema, v, alarmSchema)
	}
	st := DecodeAlarmFrom(d)
	if err := d.Finish(); err != nil {
		return AlarmState{}, fmt.Errorf("alarm state: %w", err)
	}
	return st, nil
}

// DecodeAlarmFrom reads what EncodeTo appended; faults stick to d.
func DecodeAlarmFrom(d *sketches.Decoder) AlarmState {
	var st AlarmState
	phase, flags := d.Byte(), d.Byte()
	if d.Err() == nil && (Phase(phase) > PhaseClosed || flags >= flagEnd) {
		d.Fail("phase %d, flags %#x", phase, flags)
	}
	st.Phase = Phase(phase)
	st.Stale, st.Started, st.Unknown = flags&flagStale != 0, flags&flagStarted != 0, flags&flagUnknown != 0
	for _, n := range []*int{&st.Hi, &st.Lo, &st.Level} {
		v := d.Uvarint()
		if v > maxCounter {
			d.Fail("counter %d", v)
		}
		*n = int(min(v, maxCounter))
	}
	for _, t := range []*int64{&st.EpisodeMS, &st.EmittedMS, &st.LastValidMS} {
		*t = d.Varint()
	}
	return st
}
