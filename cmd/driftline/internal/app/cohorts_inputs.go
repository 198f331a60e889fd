package app

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"slices"

	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/drift/performance/cohort"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/historian"
)

// Bounds of what is read of a day's inputs.
const (
	mostSampledValues = 1 << 17 // of a day: rows × inputs, 1 MB
	mostSampledNames  = 1000    // the first by name
)

// inputsOf are the stored inputs of a day, nil for a model that stores none or whose
// estimates do not follow them. They are read when a report asks, within the same call
// of the historian as ctx.
func (h *historyStore) inputsOf(ctx context.Context, m historian.PerformanceModel, startMS int64, mature bool) cohort.Inputs {
	spec, ok := h.specs.Get(m.Model)
	if !ok || spec.Examples != "rows" || m.Cohort.Kind == cohort.Regression {
		return nil
	}
	at := sampledDay{
		model: m.Model, version: m.Champion, follows: followedNames(spec), startMS: startMS, maturityMS: m.Cohort.MaturityMS, mature: mature,
	}
	return func() (*cohort.Sample, error) {
		if s := h.sampled.of[at]; s != nil {
			return s, nil
		}
		s, err := h.sampleDay(ctx, m, followed(spec), startMS, mature)
		if err == nil {
			h.sampled.put(at, s)
		}
		return s, err
	}
}

// followed tells which stored inputs estimates follow: those that the model is known to
// read, of those that may be stored. Rows of days before hold what may no longer be stored,
// and later ones do not: it would seem to be lost.
func followed(m config.Model) func(name string) bool {
	var reads []string
	if m.Training != nil {
		reads = m.Training.Features
	}
	return func(name string) bool {
		return (len(reads) == 0 || slices.Contains(reads, name)) && (len(m.Columns) == 0 || slices.Contains(m.Columns, name))
	}
}

// withInputs lets days draw theirs. The days are copied: decoded ones are shared.
func (h *historyStore) withInputs(ctx context.Context, m historian.PerformanceModel, days []cohort.Day) []cohort.Day {
	out := slices.Clone(days)
	for i := range out {
		out[i].Inputs = h.inputsOf(ctx, m, out[i].StartMS, out[i].Mature())
	}
	return out
}

// followedNames says of which specification a sample is.
func followedNames(m config.Model) string {
	var reads []string
	if m.Training != nil {
		reads = m.Training.Features
	}
	return fmt.Sprintf("%q %q", reads, m.Columns)
}

// Release implements what historian.Performance asks of a store that keeps what it read.
func (h *historyStore) Release() { h.sampled.settle() }

func (h *historyStore) sampleDay(ctx context.Context, m historian.PerformanceModel, follows func(name string) bool, startMS int64, mature bool) (*cohort.Sample, error) {
	q := store.ExampleQuery{Model: m.Model, Version: m.Champion, FromMS: startMS, ToMS: startMS + cohort.DayMS, WithFeatures: true}
	if mature {
		q.LabelsUntilMS = startMS + cohort.DayMS + m.Cohort.MaturityMS
	}
	var all, labelled lot
	err := h.p.Store.Examples(ctx, q, func(e store.ExampleRow) error {
		if e.Prediction == nil || e.Features == nil {
			return nil
		}
		all.add(e)
		if mature && e.Label != nil {
			labelled.add(e)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s := &cohort.Sample{Of: all.of, OfLabelled: labelled.of}
	a, b := all.drawn(), labelled.drawn()
	seen := map[string]bool{}
	for _, x := range [][]ticket{a, b} {
		for i := range x {
			// What is no object has no inputs: all of them are missing.
			_ = json.Unmarshal([]byte(x[i].row.Features.JSON), &x[i].features)
			for name := range x[i].features {
				if !seen[name] && follows(name) {
					seen[name] = true
					s.Names = append(s.Names, name)
				}
			}
		}
	}
	slices.Sort(s.Names)
	s.Names = s.Names[:min(len(s.Names), mostSampledNames)]
	s.Rows, s.Labelled = inputRows(a, s.Names), inputRows(b, s.Names)
	return s, nil
}

func inputRows(from []ticket, names []string) []cohort.InputRow {
	from = from[:min(len(from), mostSampledValues/max(1, len(names)))]
	out := make([]cohort.InputRow, len(from))
	for i, t := range from {
		out[i] = cohort.InputRow{Row: cohortRow(t.row), Inputs: make([]float64, len(names))}
		for k, name := range names {
			out[i].Inputs[k] = inputValue(t.features[name])
		}
	}
	return out
}

// inputValue is what an estimate follows of a value: its number, 0 or 1 of a boolean, and of
// anything else that it is there.
func inputValue(v any) float64 {
	switch v := v.(type) {
	case nil:
		return math.NaN()
	case float64:
		if math.Abs(v) > math.MaxFloat32 {
			return math.NaN()
		}
		return v
	case bool:
		if v {
			return 1
		}
	}
	return 0
}

// lot draws rows without regard to anything but their id, so that the same rows give
// the same draw: those with the least hashes.
type lot struct {
	tickets []ticket
	of      uint64
}

type ticket struct {
	hash     uint64
	row      store.ExampleRow
	features map[string]any
}

func (l *lot) add(e store.ExampleRow) {
	l.of++
	f := fnv.New64a()
	_, _ = f.Write([]byte(e.ID))
	if l.tickets = append(l.tickets, ticket{hash: mix(f.Sum64()), row: e}); len(l.tickets) >= 2*cohort.SampleRows {
		l.tickets = l.drawn()
	}
}

// mix spreads hashes of ids that differ in their last letters alone over all bits.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return x
}

func (l *lot) drawn() []ticket {
	slices.SortFunc(l.tickets, func(a, b ticket) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.row.ID, b.row.ID))
	})
	return l.tickets[:min(len(l.tickets), cohort.SampleRows)]
}
