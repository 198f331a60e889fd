package chart

import "strings"

// Cell is one feature in one window.
type Cell struct {
	Class string // see the classes of Map
	Title string
	Mark  bool // drifted: gets a sign beside its colour
	Href  string
}

// Row is a feature over time; cells stand in the order of the columns.
type Row struct {
	Name  string
	Href  string
	Cells []Cell
}

// Map is features over time. Classes of cells: c0 to c3 rising towards the warning
// level, warn, drifted, none (no verdict possible, hatched) and blank (no data).
type Map struct {
	Title, Desc  string
	FromMS, ToMS int64
	Columns      []int64 // end of each column's window
	Rows         []Row
}

// Layout of a map.
const (
	mapLeft  = 150.0
	rowStep  = 18.0
	rowHigh  = 16.0
	mapTop   = 6.0
	nameMost = 20
)

// DrawnMap is a map with every coordinate decided.
type DrawnMap struct {
	Title, Desc   string
	Width, Height string
	Base, Left    string
	Right         string
	CellHeight    string
	X             []Tick
	Rows          []DrawnRow
	Marks         string // path of the signs of drifted cells
}

// DrawnRow is a feature in place.
type DrawnRow struct {
	Name, Full, Href string
	Y, TextY         string
	Cells            []DrawnCell
}

// DrawnCell is a cell in place.
type DrawnCell struct{ X, Width, Class, Title string }

// Draw lays the map out. Each column has the same width: its time is in the ticks.
func (m Map) Draw() DrawnMap {
	height := mapTop + rowStep*float64(len(m.Rows)) + bottom
	d := DrawnMap{
		Title: m.Title, Desc: m.Desc, Width: num(Width), Height: num(height), Base: num(height - bottom + 2),
		Left: num(mapLeft), Right: num(Width - right), CellHeight: num(rowHigh),
	}
	if len(m.Columns) == 0 {
		return d
	}
	step := (Width - mapLeft - right) / float64(len(m.Columns))
	gap := 0.0
	if step > 5 {
		gap = 1
	}
	d.X = m.ticks(step)
	var marks strings.Builder
	for i, r := range m.Rows {
		y := mapTop + rowStep*float64(i)
		row := DrawnRow{Name: cut(r.Name, nameMost), Full: r.Name, Href: r.Href, Y: num(y), TextY: num(y + rowHigh - 4)}
		for j, c := range r.Cells {
			x := mapLeft + step*float64(j)
			row.Cells = append(row.Cells, DrawnCell{num(x), num(step - gap), c.Class, c.Title})
			if c.Mark {
				// A small cross in the middle of the cell.
				mid, half := x+(step-gap)/2, min(3, (step-gap)/2)
				marks.WriteString("M" + num(mid-half) + " " + num(y+rowHigh/2) + "h" + num(2*half) + "M" + num(mid) + " " + num(y+rowHigh/2-half) + "v" + num(2*half))
			}
		}
		d.Rows = append(d.Rows, row)
	}
	d.Marks = marks.String()
	return d
}

// ticks puts rounded moments at the first column that reaches them.
func (m Map) ticks(step float64) (out []Tick) {
	moments := timeTicks(m.FromMS, m.ToMS)
	j := 0
	for _, t := range moments {
		for j < len(m.Columns) && m.Columns[j] < t.ms {
			j++
		}
		if j == len(m.Columns) {
			break
		}
		out = append(out, Tick{num(mapLeft + step*(float64(j)+0.5)), t.text})
	}
	return out
}

func cut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
