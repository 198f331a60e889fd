package web

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/web/chart"
)

// history is what the drawings of a model are made from.
type history struct {
	model    string
	windowMS int64
	segment  string // the part of the traffic that is drawn, "" for all of it
	answers  string // the version whose answers are drawn, "" for the input
	limits   limits
	rows     []store.ScoreRow // final, all versions, oldest first
	picks    []pick           // the worst of each stretch, as columns of the map
	bodies   []scoreBody      // of picks
	newest   scoreBody        // of the last row
	alarms   []store.AlarmRow
	marks    []chart.Mark
	days     []store.PerformanceDay

	fromMS, toMS int64 // what the drawings cover
}

// pick is a window that stands for its stretch of time.
type pick struct {
	store.ScoreRow
	fromMS, toMS int64
}

// mostColumns bounds the columns of the map.
const mostColumns = 72

func (h *history) read(ctx context.Context, t *store.Tx, rng string, newestMS int64) (err error) {
	if h.windowMS == 0 {
		return nil
	}
	q := store.ScoreQuery{Model: h.model, Version: anyVersion, Segment: h.segment, WindowMS: h.windowMS, FinalOnly: true, Newest: true, NoBody: true, Limit: mostWindows}
	if rng != "all" {
		span, err := parseSpan(rng)
		if err != nil {
			return invalid("query.range", rng, err)
		}
		q.FromMS = newestMS - span
	}
	if h.rows, err = t.Scores(ctx, q); err != nil {
		return err
	}
	slices.Reverse(h.rows)
	// Two references may have judged the same window; the one that judged more stays.
	h.rows = mergeEnds(h.rows)
	if n := len(h.rows); n > 0 {
		h.fromMS, h.toMS = h.rows[0].EndMS-min(h.slide(), h.windowMS), h.rows[n-1].EndMS
	}
	h.picks = h.worst(mostColumns)
	for _, p := range h.picks {
		b, err := readBody(ctx, t, p.ScoreRow)
		if err != nil {
			return err
		}
		h.bodies = append(h.bodies, b)
	}
	if n := len(h.rows); n > 0 {
		h.newest, err = readBody(ctx, t, h.rows[n-1])
	}
	return err
}

func readBody(ctx context.Context, t *store.Tx, r store.ScoreRow) (scoreBody, error) {
	rows, err := t.Scores(ctx, store.ScoreQuery{
		Model: r.Model, Version: r.Version, Reference: r.Reference, WindowMS: r.WindowMS, FromMS: r.EndMS - 1, ToMS: r.EndMS, Limit: 1,
	})
	if err != nil || len(rows) == 0 {
		return scoreBody{}, err
	}
	return parseScore(rows[0].Body)
}

func mergeEnds(rows []store.ScoreRow) []store.ScoreRow {
	var out []store.ScoreRow
	for _, r := range rows {
		if n := len(out); n > 0 && out[n-1].EndMS == r.EndMS {
			if r.Judged > out[n-1].Judged {
				out[n-1] = r
			}
			continue
		}
		out = append(out, r)
	}
	return out
}

// worst divides the time into at most n equal stretches and takes the worst window
// of each: the largest share drifted, then the largest PSI. Few windows stand each for
// themselves.
func (h *history) worst(n int) (out []pick) {
	if len(h.rows) <= n {
		slide := h.toMS - h.fromMS
		if len(h.rows) > 1 {
			slide = h.slide()
		}
		for i, r := range h.rows {
			p := pick{r, r.EndMS - slide, r.EndMS}
			if i > 0 {
				p.fromMS = max(p.fromMS, h.rows[i-1].EndMS)
			}
			out = append(out, p)
		}
		return out
	}
	last := -1
	bound := func(k int) int64 { return h.fromMS + int64(float64(h.toMS-h.fromMS)*float64(k)/float64(n)) }
	for _, r := range h.rows {
		k := int(float64(r.EndMS-1-h.fromMS) / float64(h.toMS-h.fromMS) * float64(n))
		if k != last {
			out, last = append(out, pick{r, bound(k), bound(k + 1)}), k
			continue
		}
		if old := &out[len(out)-1]; worse(&r, &old.ScoreRow) {
			old.ScoreRow = r
		}
	}
	return out
}

func worse(a, b *store.ScoreRow) bool {
	return cmp.Or(
		cmp.Compare(min(a.Judged, 1), min(b.Judged, 1)), cmp.Compare(share(a.Drifted, a.Judged), share(b.Drifted, b.Judged)), cmp.Compare(orZero(a.MaxPSI), orZero(b.MaxPSI)),
	) > 0
}

func orZero(x *float64) float64 {
	if x == nil {
		return 0
	}
	return *x
}

// readMarks finds when versions began to serve, in event time where it is known.
func (h *history) readMarks(ctx context.Context, t *store.Tx) (err error) {
	if h.days, err = t.PerformanceDays(ctx, store.PerformanceQuery{Model: h.model}); err != nil {
		return err
	}
	retrains, err := t.Retrains(ctx, store.RetrainQuery{Model: h.model, Reached: store.RetrainPromoted, Limit: 1000})
	if err != nil {
		return err
	}
	clock := map[string]int64{}
	for _, d := range h.days {
		if _, ok := clock[d.Version]; !ok {
			clock[d.Version] = dayStart(d.Day)
		}
	}
	for _, r := range retrains {
		clock[r.Version] = r.ClockMS
	}
	reigns, err := t.ChampionHistory(ctx, h.model)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, c := range reigns {
		if c.Version == "" {
			continue
		}
		at, known := clock[c.Version]
		if !known || seen[c.Version] { // a rollback: only its wall clock is known
			at = c.SinceMS
		}
		seen[c.Version] = true
		h.marks = append(h.marks, chart.Mark{MS: at, Text: "v" + c.Version, Title: "version " + c.Version + " champion (" + c.Act + "), " + momentText(at), Class: "promotion", Shape: "◇"})
	}
	for i := 1; i < len(h.rows); i++ {
		if a, b := h.rows[i-1].Reference, h.rows[i].Reference; a != b {
			h.marks = append(h.marks, chart.Mark{MS: h.rows[i].EndMS, Text: "ref", Title: "new reference " + b + ", " + momentText(h.rows[i].EndMS), Class: "reference", Shape: "◦"})
		}
	}
	for i := range h.rows {
		if r := &h.rows[i]; r.Revision > 0 && (i == 0 || h.rows[i-1].Revision == 0) {
			h.marks = append(h.marks, chart.Mark{MS: r.EndMS, Text: "restated", Title: "restated from here on: late events were counted afterwards, " + momentText(r.EndMS), Class: "restated", Shape: "↻"})
		}
	}
	for _, a := range h.alarms {
		if a.Kind == store.KindEarly && h.segment == "" && len(h.rows) > 0 && a.LastMS >= h.fromMS && a.LastMS <= h.toMS {
			h.marks = append(h.marks, chart.Mark{MS: a.LastMS, Title: "early warning, " + strings.Join(a.Features, ", ") + ", " + momentText(a.LastMS), Class: "warning", Shape: "!"})
		}
	}
	slices.SortStableFunc(h.marks, func(a, b chart.Mark) int { return cmp.Compare(a.MS, b.MS) })
	return nil
}

// stretch says which of the windows drawn have something in common.
type stretch struct {
	Windows         int64
	FirstMS, LastMS int64 // ends of the first and last of them
}

func (h *history) stretch(has func(*store.ScoreRow) bool) (s stretch) {
	for i := range h.rows {
		if r := &h.rows[i]; has(r) {
			if s.Windows == 0 {
				s.FirstMS = r.EndMS
			}
			s.Windows, s.LastMS = s.Windows+1, r.EndMS
		}
	}
	return s
}

func dayStart(day string) int64 {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return 0
	}
	return t.UnixMilli()
}

// spans are the alarms of the window shown.
func (h *history) spans() (out []chart.Span) {
	for _, a := range h.alarms {
		if a.WindowMS != h.windowMS || a.Kind == store.KindEarly || a.Segment != h.segment || (a.Kind == kindPrediction) != (h.answers != "") || h.answers != "" && a.Version != h.answers {
			continue
		}
		to, title := a.ResolvedMS, a.Label()+" alarm "+momentText(a.SinceMS)+" to "+momentText(a.ResolvedMS)
		if to == 0 {
			to, title = math.MaxInt64, a.Label()+" alarm since "+momentText(a.SinceMS)
		}
		out = append(out, chart.Span{FromMS: a.SinceMS, ToMS: to, Class: "alarm", Title: title, Href: "/alarms/" + a.Episode})
	}
	return out
}
