package event

import (
	"errors"
	"fmt"
)

// Limits bound what one record may hold, so that memory per record is bounded
// too. A zero field means its default.
type Limits struct {
	Bytes    int // size of a record; default 1 MiB
	Depth    int // objects and arrays open at once, the event itself being 1; default 16, at most 64
	Features int // features of one event; default 2,000
	Segments int // segments of one event; default 32
	Name     int // bytes of a name: model, version, id, feature, segment and its value; default 256
}

// Defaults, and the most that Depth may be: open containers are one bit each in a word.
const (
	DefaultBytes    = 1 << 20
	DefaultDepth    = 16
	DefaultFeatures = 2000
	DefaultSegments = 32
	DefaultName     = 256

	maxDepth = 64
)

// DefaultLimits returns the limits with every default filled in.
func DefaultLimits() Limits { return Limits{}.withDefaults() }

// Validate returns all faults at once, or nil.
func (l Limits) Validate() error {
	var faults []error
	for _, f := range []struct {
		name  string
		value int
	}{{"bytes", l.Bytes}, {"depth", l.Depth}, {"features", l.Features}, {"segments", l.Segments}, {"name", l.Name}} {
		if f.value < 0 {
			faults = append(faults, fmt.Errorf("%s: %d is below 0; leave it out for the default", f.name, f.value))
		}
	}
	if l.Depth > maxDepth {
		faults = append(faults, fmt.Errorf("depth: %d is above %d", l.Depth, maxDepth))
	}
	return errors.Join(faults...)
}

// withDefaults fills in what is 0 and brings what Validate refuses into range, so
// that a Decoder is safe whatever it was given.
func (l Limits) withDefaults() Limits {
	or := func(v, byDefault int) int {
		if v <= 0 {
			return byDefault
		}
		return v
	}
	return Limits{
		Bytes:    or(l.Bytes, DefaultBytes),
		Depth:    min(or(l.Depth, DefaultDepth), maxDepth),
		Features: or(l.Features, DefaultFeatures),
		Segments: or(l.Segments, DefaultSegments),
		Name:     or(l.Name, DefaultName),
	}
}
