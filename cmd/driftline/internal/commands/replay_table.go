package commands

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/stream/replay"
	"github.com/driftline/driftline/stream/wire"
)

// seriesKey names what a row of the table is about.
type seriesKey struct {
	model, version, reference string
	windowMS                  int64
}

// series sums up the lines of one model, version, reference and window.
type series struct {
	Model     string   `json:"model"`
	Version   string   `json:"version"`
	Reference string   `json:"reference"`
	Segment   string   `json:"segment,omitempty"` // the part of the traffic, "" for all of it
	WindowMS  int64    `json:"window_ms"`
	Scores    int      `json:"scores"`
	Judged    int      `json:"judged"`
	Drifted   int      `json:"with_drift"`
	Events    int      `json:"drift_events"`
	FirstMS   int64    `json:"first_ms"`
	LastMS    int64    `json:"last_ms"`
	MaxPSI    *float64 `json:"max_psi"`
	Feature   string   `json:"max_feature"`
}

// sums counts the lines of a replay per series.
type sums map[seriesKey]*series

func newSums() sums { return sums{} }

func (s sums) add(l replay.Line) error {
	k := seriesKey{l.Model, l.Version, l.Reference, l.WindowMS}
	x := s[k]
	if x == nil {
		x = &series{Model: l.Model, Version: l.Version, Reference: l.Reference, WindowMS: l.WindowMS, FirstMS: l.EndMS}
		s[k] = x
	}
	x.FirstMS, x.LastMS = min(x.FirstMS, l.EndMS), max(x.LastMS, l.EndMS)
	if l.Kind != replay.KindScore {
		x.Events++ // the series is named by its first score: one comes with every event
		return nil
	}
	score, err := wire.DecodeScore(l.Value)
	if err != nil {
		return err
	}
	x.Segment = score.Segment
	x.Scores++
	if score.Judged > 0 {
		x.Judged++
	}
	if score.Drifted > 0 {
		x.Drifted++
	}
	if f, ok := score.Worst(); ok {
		if psi := float64(*f.PSI) / 1e9; x.MaxPSI == nil || psi > *x.MaxPSI {
			x.MaxPSI, x.Feature = &psi, f.Name
		}
	}
	return nil
}

// list returns the series in order.
func (s sums) list() []*series {
	out := make([]*series, 0, len(s))
	for _, x := range s {
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b *series) int {
		return cmp.Or(cmp.Compare(a.Model, b.Model), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Reference, b.Reference), cmp.Compare(a.WindowMS, b.WindowMS))
	})
	return out
}

func (s sums) table() cli.Table {
	t := cli.Table{
		Head:  []string{"MODEL", "VERSION", "REFERENCE", "WINDOW", "SCORES", "JUDGED", "WITH DRIFT", "DRIFT EVENTS", "FIRST", "LAST", "MAX PSI", "FEATURE"},
		Empty: "no window of the range is final",
	}
	for _, x := range s.list() {
		psi := unknown
		if x.MaxPSI != nil {
			psi = strconv.FormatFloat(*x.MaxPSI, 'f', 3, 64)
		}
		reference := or(x.Reference, unknown)
		t.Rows = append(t.Rows, []string{
			nameOf(x.Model, x.Segment), or(x.Version, unknown), reference[:min(12, len(reference))], span(x.WindowMS), strconv.Itoa(x.Scores), strconv.Itoa(x.Judged),
			strconv.Itoa(x.Drifted), strconv.Itoa(x.Events), moment(x.FirstMS), moment(x.LastMS), psi, or(x.Feature, unknown),
		})
	}
	return t
}
