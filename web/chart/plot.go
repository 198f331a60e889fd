package chart

import (
	"math"
	"strconv"
	"strings"
)

// Layout of a plot, in user units.
const (
	Width  = 960.0
	left   = 128.0 // holds names of features in a map, so that plots and maps align
	right  = 26.0  // half of the last tick of time stands beyond the plot
	top    = 22.0  // holds the names of marks
	bottom = 22.0
)

// Point is a value at a time. NaN breaks the line.
type Point struct {
	MS int64
	Y  float64
}

// Line is a series.
type Line struct {
	Name   string
	Text   string // written at its first point; "" for none
	Class  string
	Points []Point
}

// Level is a limit that goes across.
type Level struct {
	Y     float64
	Text  string
	Class string
}

// Span is a stretch of time with a meaning.
type Span struct {
	FromMS, ToMS int64
	Class, Title string
	Href         string
}

// Mark is a moment with a name, such as a promotion.
type Mark struct {
	MS           int64
	Text, Title  string
	Class, Shape string
}

// Plot is lines over time.
type Plot struct {
	Title, Desc  string // name and one sentence, for those who do not see it
	FromMS, ToMS int64
	Low, High    float64 // of the values; High ≤ Low fits the data and levels from 0 on
	Root         bool    // square-root scale: small values stay visible beside large ones
	Percent      bool
	Height       float64
	Lines        []Line
	Levels       []Level
	Spans        []Span
	Marks        []Mark
}

// Drawing is a plot with every coordinate decided.
type Drawing struct {
	Title, Desc            string
	Width, Height          string
	Left, Right, Top, Base string
	Inner                  string // height between Top and Base
	TickX                  string // right end of the texts of Y
	X, Y                   []Tick
	Lines                  []DrawnLine
	Levels                 []DrawnLevel
	Spans                  []DrawnSpan
	Marks                  []DrawnMark
	Empty                  bool
}

// DrawnLine is a path with its single points, which a path would not show.
type DrawnLine struct {
	Name, Class, Path  string
	Text, TextX, TextY string
	Dots               []Dot
}

// Dot is a point without neighbours.
type Dot struct{ X, Y string }

// DrawnLevel is a limit in place.
type DrawnLevel struct{ Y, TextY, Text, Class string }

// DrawnSpan is a stretch in place.
type DrawnSpan struct{ X, Width, Class, Title, Href string }

// DrawnMark is a mark in place.
type DrawnMark struct{ X, TextY, Text, Title, Class, Anchor string }

// Draw lays the plot out.
func (p Plot) Draw() Drawing {
	p.fit()
	d := Drawing{
		Title: p.Title, Desc: p.Desc, Width: num(Width), Height: num(p.Height), Left: num(left), Right: num(Width - right),
		Top: num(top), Base: num(p.Height - bottom),
		Inner: num(p.Height - bottom - top), TickX: num(left - 6), Empty: true,
	}
	for _, m := range timeTicks(p.FromMS, p.ToMS) {
		d.X = append(d.X, Tick{num(p.x(m.ms)), m.text})
	}
	for _, y := range p.ticks() {
		d.Y = append(d.Y, Tick{num(p.y(y)), p.text(y)})
	}
	for _, s := range p.Spans {
		from, to := max(s.FromMS, p.FromMS), min(s.ToMS, p.ToMS)
		if to < from {
			continue
		}
		d.Spans = append(d.Spans, DrawnSpan{num(p.x(from)), num(max(2, p.x(to)-p.x(from))), s.Class, s.Title, s.Href})
	}
	for _, l := range p.Levels {
		if l.Y >= p.Low && l.Y <= p.High {
			d.Levels = append(d.Levels, DrawnLevel{num(p.y(l.Y)), num(p.y(l.Y) - 4), l.Text, l.Class})
		}
	}
	for _, l := range p.Lines {
		if drawn := p.line(l); drawn.Path != "" || len(drawn.Dots) > 0 {
			d.Lines, d.Empty = append(d.Lines, drawn), false
		}
	}
	d.Marks = p.marks()
	return d
}

// fit fills in what was left open.
func (p *Plot) fit() {
	if p.Height == 0 {
		p.Height = 180
	}
	if p.ToMS <= p.FromMS {
		p.ToMS = p.FromMS + 1
	}
	if p.High > p.Low {
		return
	}
	p.High = p.Low
	for _, l := range p.Levels {
		p.High = max(p.High, l.Y*1.25)
	}
	for _, l := range p.Lines {
		for _, q := range l.Points {
			if !math.IsNaN(q.Y) && !math.IsInf(q.Y, 0) {
				p.High = max(p.High, q.Y*1.08)
			}
		}
	}
	if p.High <= p.Low {
		p.High = p.Low + 1
	}
}

func (p *Plot) x(ms int64) float64 {
	return left + (Width-left-right)*float64(ms-p.FromMS)/float64(p.ToMS-p.FromMS)
}

func (p *Plot) y(v float64) float64 {
	part := (v - p.Low) / (p.High - p.Low)
	part = min(1, max(0, part))
	if p.Root {
		part = math.Sqrt(part)
	}
	return p.Height - bottom - part*(p.Height-top-bottom)
}

// line breaks the series where a value is missing.
func (p *Plot) line(l Line) DrawnLine {
	out := DrawnLine{Name: l.Name, Class: l.Class}
	var b strings.Builder
	for i, q := range l.Points {
		if missing(l.Points, i) {
			continue
		}
		if out.TextX == "" {
			out.Text, out.TextX, out.TextY = l.Text, num(min(p.x(q.MS), Width-right-20)), num(max(top+8, p.y(q.Y)-6))
		}
		before, after := missing(l.Points, i-1), missing(l.Points, i+1)
		x, y := num(p.x(q.MS)), num(p.y(q.Y))
		switch {
		case before && after:
			out.Dots = append(out.Dots, Dot{x, y})
		case before:
			b.WriteString("M" + x + " " + y)
		default:
			b.WriteString("L" + x + " " + y)
		}
	}
	out.Path = b.String()
	return out
}

func missing(points []Point, i int) bool {
	return i < 0 || i >= len(points) || math.IsNaN(points[i].Y) || math.IsInf(points[i].Y, 0)
}

// marks are placed left to right; names that would lie on each other are left out,
// their titles stay.
func (p *Plot) marks() (out []DrawnMark) {
	const perLetter = 7.0
	free := left
	for _, m := range p.Marks {
		if m.MS < p.FromMS || m.MS > p.ToMS {
			continue
		}
		x := p.x(m.MS)
		text := strings.TrimSpace(m.Shape + " " + m.Text)
		width := perLetter * float64(len([]rune(text)))
		d := DrawnMark{X: num(x), TextY: num(top - 8), Title: m.Title, Class: m.Class, Anchor: "start"}
		switch {
		case x < free:
		case x+width > Width-right:
			d.Text, d.Anchor, free = text, "end", Width
		default:
			d.Text, free = text, x+width+6
		}
		out = append(out, d)
	}
	return out
}

// ticks are rounded values, few enough to read.
func (p *Plot) ticks() (out []float64) {
	if p.Root {
		for _, y := range []float64{0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100} {
			const apart = 16
			if y >= p.Low && y <= p.High && (len(out) == 0 || p.y(out[len(out)-1])-p.y(y) >= apart) {
				out = append(out, y)
			}
		}
		return out
	}
	step := niceStep((p.High - p.Low) / 4)
	for i := math.Ceil(p.Low/step - 1e-9); i*step <= p.High+1e-9; i++ {
		out = append(out, i*step)
	}
	return out
}

func niceStep(raw float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5} {
		if m*unit >= raw-1e-12 {
			return m * unit
		}
	}
	return 10 * unit
}

func (p *Plot) text(y float64) string {
	if y = math.Round(y*1e6) / 1e6; y == 0 {
		y = 0 // not −0
	}
	if p.Percent {
		return strconv.FormatFloat(math.Round(y*1000)/10, 'f', -1, 64) + " %"
	}
	return strconv.FormatFloat(y, 'f', -1, 64)
}

// num writes a coordinate with a tenth of a unit.
func num(x float64) string {
	return strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64)
}
