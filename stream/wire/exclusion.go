package wire

import (
	"fmt"

	"github.com/driftline/driftline/sketches"
)

// Exclusions are the spans of event time whose rows never become part of what a model
// calls normal: not of moving references, nor of one that is built from the stream or from
// examples. A record holds all that are in force; the newest one counts.
type Exclusions struct {
	Model  string
	Ranges []Span // ascending by start, then end
}

// Span is a span of event time in milliseconds, the end not included.
type Span struct{ FromMS, ToMS int64 }

// MaxExclusions bounds how many spans one model may have.
const MaxExclusions = 1000

// Encode returns the framed bytes.
func (x Exclusions) Encode() []byte {
	var e sketches.Encoder
	e.String(x.Model)
	e.Count(len(x.Ranges))
	for _, r := range x.Ranges {
		e.Varint(r.FromMS)
		e.Varint(r.ToMS)
	}
	return sketches.Frame(KindExclusions, schema, e.Data())
}

// DecodeExclusions reads what Encode wrote.
func DecodeExclusions(b []byte) (x Exclusions, err error) {
	d, err := open(b, KindExclusions, "exclusions")
	if err != nil {
		return x, err
	}
	x.Model = d.String()
	for i := range d.Count(2) {
		r := Span{FromMS: d.Varint(), ToMS: d.Varint()}
		switch {
		case r.ToMS <= r.FromMS:
			d.Fail("exclusion from %d to %d", r.FromMS, r.ToMS)
		case i > 0 && (r.FromMS < x.Ranges[i-1].FromMS || r.FromMS == x.Ranges[i-1].FromMS && r.ToMS < x.Ranges[i-1].ToMS):
			d.Fail("exclusion from %d out of order", r.FromMS)
		case i >= MaxExclusions:
			d.Fail("more than %d exclusions", MaxExclusions)
		}
		x.Ranges = append(x.Ranges, r)
	}
	if x.Model == "" {
		d.Fail("exclusions without a model")
	}
	if err := d.Finish(); err != nil {
		return x, fmt.Errorf("exclusions of model %q: %w", x.Model, err)
	}
	return x, nil
}

// Covers reports whether any of [fromMS, toMS) is excluded.
func (x Exclusions) Covers(fromMS, toMS int64) bool {
	for _, r := range x.Ranges {
		if r.FromMS < toMS && fromMS < r.ToMS {
			return true
		}
	}
	return false
}
