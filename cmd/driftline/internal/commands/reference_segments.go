package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/trainer/reference"
	"github.com/driftline/driftline/web"
)

// builtPart is what a reference holds of one segment.
type builtPart struct {
	Segment string  `json:"segment"` // such as region=eu
	Rows    uint64  `json:"rows"`
	Windows []int64 `json:"windows_ms"` // lengths whose dependence is known
}

// segmentsInForce are those that the newest records of a grid name.
func segmentsInForce(g wire.ActiveGrid) wire.Segments { return g.SegmentsIn(1 << 62) }

// parted describes the parts of what was built.
func (b *builder) parted() []builtPart {
	out := []builtPart{}
	for _, p := range b.res.Reference.Parts {
		x := builtPart{Segment: p.Segment.String(), Rows: p.Counts.Rows, Windows: []int64{}}
		for _, s := range p.Blocks {
			x.Windows = append(x.Windows, s.LengthMS)
		}
		out = append(out, x)
	}
	return out
}

// segmentLine says what the reference holds of segments, and from when they count; "" where
// there is nothing to say.
func (b *builder) segmentLine() string {
	if len(b.out.Parts) == 0 && !b.res.NewSegments {
		return ""
	}
	var rows []string
	for _, p := range b.out.Parts {
		rows = append(rows, fmt.Sprintf("%s %d rows", p.Segment, p.Rows))
	}
	line := "segments: " + or(strings.Join(rows, ", "), "none any more")
	if why := b.res.WithoutRows(); why != "" {
		line += "; " + why
	}
	switch {
	case !b.out.Published || !b.res.NewSegments:
	case b.out.Counted > 0:
		line += "; counted so for event times from " + moment(b.out.Counted) + " on"
	default:
		line += "; counted so from the first event on"
	}
	return line
}

// membership tells in which segments an event's row lies.
func (g *gathered) membership(segments []event.Segment) (in reference.Membership) {
	for _, s := range segments {
		in = g.known.With(in, g.known.Dimension(s.Name), s.Value)
	}
	return in
}

// storedMembership is that of an example, whose segments the history keeps as JSON; what
// cannot be read is in none.
func (g *gathered) storedMembership(text string) (in reference.Membership) {
	var segments map[string]string
	if text == "" || g.known == nil || json.Unmarshal([]byte(text), &segments) != nil {
		return 0
	}
	for name, value := range segments {
		in = g.known.With(in, g.known.Dimension(name), value)
	}
	return in
}

// counted notes which segments are counted apart.
func (d *doctor) counted(ctx context.Context, p *app.Parts) {
	dec, err := p.ReadControl(ctx)
	if err != nil {
		return // told above
	}
	d.inForce = map[string]wire.Segments{}
	for _, m := range dec.View.Models() {
		if g, ok := dec.View.Newest(m.Name); ok {
			d.inForce[m.Name] = segmentsInForce(g)
		}
	}
}

// segments finds models whose declared segments are not those that are counted.
func (d *doctor) segments(ctx context.Context, s *store.Store) {
	const name = "segments"
	if d.inForce == nil {
		return // brokers did not say what is counted
	}
	rows, err := s.WatchedModels(ctx)
	if d.fault(name, err, "check the database") {
		return
	}
	declared := map[string]config.Model{}
	for _, r := range rows {
		m, err := config.ParseSpec([]byte(r.SpecJSON), &d.cfg.Config)
		if d.fault(name, err, "driftline models apply -f FILE mends what is stored of "+r.Name) {
			return
		}
		declared[r.Name] = m
	}
	for _, m := range d.cfg.Models { // written into the database by the next start
		declared[m.Name] = m
	}
	var differ []string
	n := 0
	for _, model := range slices.Sorted(maps.Keys(d.inForce)) {
		m, ok := declared[model]
		if !ok {
			continue
		}
		want := m.Segments.Wire()
		n += len(want.All())
		if !want.Equal(d.inForce[model]) {
			differ = append(differ, model)
		}
	}
	switch {
	case len(differ) > 0:
		d.add(name, stateWarn, fmt.Sprintf("of %s others are declared than counted; they count with the next reference", strings.Join(differ, ", ")),
			"driftline reference build MODEL --from SOURCE")
	default:
		d.add(name, stateOK, fmt.Sprintf("%d declared, all are counted", n), "")
	}
}

// tellSegments says when segments that were changed count.
func tellSegments(a *cli.App, applied []web.Applied) error {
	for _, m := range applied {
		if !slices.ContainsFunc(m.Diff, func(d web.Change) bool { return d.Key == "segments" || strings.HasPrefix(d.Key, "segments.") }) {
			continue
		}
		if _, err := fmt.Fprintf(a.Err, "segments of %s count with its next reference: driftline reference build %s --from SOURCE\n", m.Model, m.Model); err != nil {
			return err
		}
	}
	return nil
}
