package web

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/web/chart"
)

// mostPoints bounds the points of a line; of each stretch the largest value stays.
const mostPoints = 480

// over draws a value of the rows; nil is a gap. Windows missing in the middle are
// gaps, too.
func (h *history) over(value func(*store.ScoreRow) *float64) []chart.Point {
	var out []chart.Point
	if len(h.rows) == 0 {
		return nil
	}
	slide := h.slide()
	stretch := max(1, (len(h.rows)+mostPoints-1)/mostPoints)
	for from := 0; from < len(h.rows); from += stretch {
		best := chart.Point{MS: h.rows[from].EndMS, Y: math.NaN()}
		for i := from; i < min(from+stretch, len(h.rows)); i++ {
			if i > 0 && h.rows[i].EndMS-h.rows[i-1].EndMS > 3*slide {
				out = append(out, chart.Point{MS: h.rows[i].EndMS, Y: math.NaN()})
			}
			if x := value(&h.rows[i]); x != nil && !(best.Y >= *x) {
				best = chart.Point{MS: h.rows[i].EndMS, Y: *x}
			}
		}
		out = append(out, best)
	}
	return out
}

// slide is the usual distance of windows: the median.
func (h *history) slide() int64 {
	var ds []int64
	for i := 1; i < len(h.rows); i++ {
		ds = append(ds, h.rows[i].EndMS-h.rows[i-1].EndMS)
	}
	if len(ds) == 0 {
		return math.MaxInt64 / 4
	}
	slices.Sort(ds)
	return ds[len(ds)/2]
}

func (h *history) plot(title, desc string) chart.Plot {
	return chart.Plot{Title: title, Desc: desc, FromMS: h.fromMS, ToMS: h.toMS, Spans: h.spans(), Marks: h.marks}
}

func (h *history) psi() chart.Drawing {
	p := h.plot("Largest PSI of a feature", "PSI of the feature that differs most from the reference, per window, with the warning level and the level of drift")
	p.Root = true
	p.Lines = []chart.Line{{Name: "largest PSI", Class: "l0", Points: h.over(func(r *store.ScoreRow) *float64 { return r.MaxPSI })}}
	p.Levels = []chart.Level{
		{Y: h.limits.Warn, Text: "warn " + short(h.limits.Warn), Class: "warn"},
		{Y: h.limits.Drifted, Text: "drifted " + short(h.limits.Drifted), Class: "drifted"},
	}
	return p.Draw()
}

func (h *history) share() chart.Drawing {
	p := h.plot("Share of features drifted", "Drifted features divided by those with a verdict, per window, with the share at which the alarm fires")
	p.Percent, p.High, p.Height = true, 1, 130
	p.Lines = []chart.Line{{Name: "share drifted", Class: "l0", Points: h.over(func(r *store.ScoreRow) *float64 {
		if r.Judged == 0 {
			return nil
		}
		x := share(r.Drifted, r.Judged)
		return &x
	})}}
	p.Levels = []chart.Level{{Y: h.limits.Fire, Text: "alarm at " + percent(h.limits.Fire), Class: "drifted"}}
	return p.Draw()
}

// ks draws the upper end of KS of the feature that differs most, at the columns of
// the map.
func (h *history) ks() chart.Drawing {
	p := h.plot("KS of the feature that differs most, upper end", "Upper end of the Kolmogorov–Smirnov distance, largest feature, per window")
	p.High, p.Height = 1, 130
	line := chart.Line{Name: "largest KS, upper end", Class: "l1"}
	for i, b := range h.bodies {
		y := math.NaN()
		for _, f := range b.Features {
			if x := f.KSHigh.value(); x != nil && !(y >= *x) {
				y = *x
			}
		}
		line.Points = append(line.Points, chart.Point{MS: h.picks[i].EndMS, Y: y})
	}
	p.Lines = []chart.Line{line}
	return p.Draw()
}

// weeklyFrom is how many days make the accuracy weekly.
const weeklyFrom = 120

// accuracy draws how often each version was right, per day or week.
func (h *history) accuracy() chart.Drawing {
	per, each := int64(1), "day"
	if n := len(h.days); n > 0 && dayStart(h.days[n-1].Day)-dayStart(h.days[0].Day) > weeklyFrom*dayMS {
		per, each = 7, "week"
	}
	p := h.plot("Realised accuracy per "+each, "Share of right classes among predictions with a known label, one line per version")
	p.Percent, p.High, p.Height = true, 1, 150
	p.Marks = nil
	type sums struct{ classed, correct int64 }
	bins := map[string]map[int64]sums{}
	var versions []string
	for _, d := range h.days {
		if d.Classed == 0 {
			continue
		}
		if bins[d.Version] == nil {
			bins[d.Version] = map[int64]sums{}
			versions = append(versions, d.Version)
		}
		at := dayStart(d.Day) / (per * dayMS) * (per * dayMS)
		x := bins[d.Version][at]
		bins[d.Version][at] = sums{x.classed + d.Classed, x.correct + d.Correct}
		if len(h.rows) == 0 {
			p.FromMS, p.ToMS = min(cmpOr(p.FromMS, at), at), max(p.ToMS, at+dayMS)
		}
	}
	low := 1.0
	for i, v := range versions {
		line := chart.Line{Name: "version " + v, Text: "v" + v, Class: fmt.Sprintf("l%d", i%4)}
		var at []int64
		for ms := range bins[v] {
			at = append(at, ms)
		}
		slices.Sort(at)
		for j, ms := range at {
			if ms < p.FromMS-per*dayMS || ms > p.ToMS {
				continue
			}
			if j > 0 && ms-at[j-1] > 3*per*dayMS {
				line.Points = append(line.Points, chart.Point{MS: ms, Y: math.NaN()})
			}
			y := float64(bins[v][ms].correct) / float64(bins[v][ms].classed)
			low = min(low, y)
			line.Points = append(line.Points, chart.Point{MS: max(ms, p.FromMS), Y: y})
		}
		p.Lines = append(p.Lines, line)
	}
	p.Low = math.Max(0, math.Floor((low-0.02)*10)/10)
	return p.Draw()
}

func cmpOr(a, b int64) int64 {
	if a != 0 {
		return a
	}
	return b
}

// mostRows bounds the features of the map.
const mostRows = 24

// heat draws features over time, those that differ most on the whole first.
func (h *history) heat() (chart.DrawnMap, int) {
	m := chart.Map{Title: "Features over time", Desc: "One row per feature, one column per stretch of time; the table below has the newest window in figures"}
	if len(h.picks) == 0 {
		return m.Draw(), 0
	}
	m.FromMS, m.ToMS = h.fromMS, h.toMS
	total := map[string]float64{}
	at := make([]map[string]*featureBody, len(h.bodies))
	for i := range h.bodies {
		m.Columns = append(m.Columns, chart.Column{FromMS: h.picks[i].fromMS, ToMS: h.picks[i].toMS})
		at[i] = map[string]*featureBody{}
		for j := range h.bodies[i].Features {
			f := &h.bodies[i].Features[j]
			at[i][f.Name] = f
			total[f.Name] += f.PSI.or(0)
		}
	}
	names := make([]string, 0, len(total))
	for name := range total {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if total[a] != total[b] {
			if total[a] > total[b] {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	for _, name := range names[:min(len(names), mostRows)] {
		row := chart.Row{Name: name}
		for i := range at {
			row.Cells = append(row.Cells, h.cell(at[i][name], h.picks[i].EndMS))
		}
		m.Rows = append(m.Rows, row)
	}
	return m.Draw(), max(0, len(names)-mostRows)
}

func (h *history) cell(f *featureBody, endMS int64) chart.Cell {
	when := time.UnixMilli(endMS).UTC().Format("2006-01-02 15:04")
	if f == nil {
		return chart.Cell{Class: "blank", Title: when + ": no data"}
	}
	title := when + ": " + f.Verdict
	psi := f.PSI.or(0)
	if f.PSI.Known() {
		title += ", PSI " + decimals(psi)
	}
	switch {
	case !f.judged():
		return chart.Cell{Class: "none", Title: title}
	case f.drifted():
		return chart.Cell{Class: "drifted", Title: title, Mark: true}
	case f.Warned || f.judging().or(0) >= h.limits.Warn:
		return chart.Cell{Class: "warn", Title: title}
	}
	step := min(3, max(0, int(psi/h.limits.Warn*4)))
	return chart.Cell{Class: fmt.Sprintf("c%d", step), Title: title}
}
