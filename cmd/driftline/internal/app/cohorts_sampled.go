package app

import (
	"maps"

	"github.com/driftline/driftline/drift/performance/cohort"
	"github.com/driftline/driftline/stream/historian"
)

// mostHeldValues bounds the inputs of days that are held from one report to the next, 8
// bytes each: beyond, all are read again.
const mostHeldValues = 1 << 22

// sampledDays are the inputs of days that were drawn for reports. A window shares six days
// with the one before, and what estimates learn from even more; a day is drawn again once a
// row of it, or a label, is written.
type sampledDays struct {
	of     map[sampledDay]*cohort.Sample
	values int
}

type sampledDay struct {
	model, version string
	follows        string // the names that estimates follow
	startMS        int64
	maturityMS     int64
	mature         bool
}

func (s *sampledDays) put(at sampledDay, x *cohort.Sample) {
	if s.of == nil {
		s.of = map[sampledDay]*cohort.Sample{}
	}
	s.of[at] = x
	s.values += heldValues(x)
}

func heldValues(x *cohort.Sample) int {
	return (len(x.Rows) + len(x.Labelled)) * (len(x.Names) + 8) // and what a row takes itself
}

// settle lets go of all where they are too many.
func (s *sampledDays) settle() {
	if s.values > mostHeldValues {
		*s = sampledDays{}
	}
}

// written lets go of the days that rows belong to: those of their event time, and those that
// wait for labels of that time.
func (s *sampledDays) written(rows []historian.Example) {
	if len(s.of) == 0 {
		return
	}
	type span struct{ from, to int64 }
	spans := map[string]span{}
	for i := range rows {
		x, had := spans[rows[i].Model]
		if ms := rows[i].EventMS; had {
			x = span{min(x.from, ms), max(x.to, ms)}
		} else {
			x = span{ms, ms}
		}
		spans[rows[i].Model] = x
	}
	maps.DeleteFunc(s.of, func(at sampledDay, x *cohort.Sample) bool {
		w, had := spans[at.model]
		if !had || w.to < at.startMS || w.from > at.startMS+cohort.DayMS+at.maturityMS {
			return false
		}
		s.values -= heldValues(x)
		return true
	})
}
