package evaluate

import (
	"maps"
	"slices"
	"strconv"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/wire"
)

// learnt holds the block sums of live, non-overlapping windows of one length,
// against one reference without blocks. They are learnt only where the reference
// has none, and start anew with a new reference, whose verdict bins differ.
type learnt struct {
	reference sketches.ID
	pane      int64 // last pane that was added
	writes    int64 // how often it was written
	dirty     bool  // changed since
	blocks    *sketches.Blocks
	known     []drift.Dependence // per feature, from blocks; nil after a change
}

// learntPlaces is how many places the sums of one window are written to in turn. Two
// outlive a crash between a write and its marker; the others outlive a marker that a
// process thought dead has moved back.
const learntPlaces = 4

// learn adds the window that ends with the pane, where it is the next one that does
// not overlap.
func (m *model) learn(in *installed, w *window) error {
	if len(in.ref.Blocks) > 0 || w.endMS%w.lengthMS != 0 || !w.full || !w.covered || w.counts == nil {
		return nil
	}
	features := in.ref.Counts.Grid.Features
	l := m.learnt[w.lengthMS]
	if l == nil || l.reference != in.id {
		bins := make([]int, len(features))
		for i := range features {
			_, bins[i] = features[i].VerdictBins(&in.ref.Counts.Features[i])
		}
		b, err := sketches.NewBlocks(w.lengthMS, bins)
		if err != nil {
			return err
		}
		writes := int64(0)
		if l != nil {
			writes = l.writes
		}
		l = &learnt{reference: in.id, blocks: b, writes: writes}
		m.learnt[w.lengthMS] = l
	}
	counts := make([][]uint64, len(features))
	for i := range features {
		toBin, n := features[i].VerdictBins(&in.ref.Counts.Features[i])
		counts[i] = make([]uint64, n)
		for cell, c := range w.counts.Features[i].Cells {
			counts[i][toBin[cell]] += c
		}
	}
	if err := l.blocks.AddBlock(counts); err != nil {
		return err
	}
	l.pane, l.dirty, l.known = w.pane, true, nil
	return nil
}

// learntRecords writes what changed in the cycle: at most one record per window, to
// the place that was written to longest ago.
func (f *Fold) learntRecords(m *model) []log.Record {
	var recs []log.Record
	for _, window := range slices.Sorted(maps.Keys(m.learnt)) {
		l := m.learnt[window]
		if !l.dirty {
			continue
		}
		l.dirty = false
		l.writes++
		recs = append(recs, f.state(learntKey(m.name, window, l.writes%learntPlaces), wire.Learnt{
			Model: m.name, WindowMS: window, Pane: l.pane, Writes: l.writes, Reference: l.reference, Blocks: l.blocks.Encode(),
		}.Encode()))
	}
	return recs
}

// dependence returns what the block sums say per feature.
func (l *learnt) dependence() []drift.Dependence {
	if l.known == nil {
		l.known = make([]drift.Dependence, len(l.blocks.Features))
		for i := range l.known {
			l.known[i] = drift.FromLiveWindows(&l.blocks.Features[i])
		}
	}
	return l.known
}

func learntKey(model string, windowMS, place int64) []byte {
	return []byte(model + "/0/learnt/" + strconv.FormatInt(windowMS, 10) + "/" + strconv.FormatInt(place, 10))
}

// learntDependence uses a window's own live windows, or until it has enough of them
// those of the next shorter window, marked as borrowed.
func (m *model) learntDependence(in *installed, windowMS int64, windows []int64, features int) []drift.Dependence {
	d := make([]drift.Dependence, features)
	for i := range d {
		d[i] = drift.LearningDependence()
	}
	for k := len(windows) - 1; k >= 0; k-- {
		if windows[k] > windowMS {
			continue
		}
		l := m.learnt[windows[k]]
		if l == nil || l.reference != in.id {
			continue
		}
		enough := false
		for i := range d {
			if d[i].Kind() != drift.LearningLive {
				continue
			}
			x := l.dependence()[i]
			if windows[k] == windowMS {
				d[i] = x // how many windows were seen, if nothing else
			}
			if x.Kind() == drift.FromLive {
				if windows[k] < windowMS {
					x = x.Borrowed()
				}
				d[i], enough = x, true
			}
		}
		if enough {
			break
		}
	}
	return d
}
