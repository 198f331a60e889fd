package chart

import "strings"

// Cell is one feature in one window.
type Cell struct {
	Class string // see the classes of Map
	Title string
	Mark  bool // drifted: gets a sign beside its colour
}

// Row is a feature over time; cells stand in the order of the columns.
type Row struct {
	Name  string
	Cells []Cell
}

// Map is features over time. Classes of cells: c0 to c3 rising towards the warning
// level, warn, drifted, none (no verdict possible, hatched) and blank (no data).
type Map struct {
	Title, Desc  string
	FromMS, ToMS int64 // as in the plots beside it: the same moment stands at the same place
	Columns      []Column
	Rows         []Row
}

// Column is the stretch of time that a column covers, in order and without overlap.
type Column struct{ FromMS, ToMS int64 }

// Layout of a map.
const (
	rowStep  = 18.0
	rowHigh  = 16.0
	mapTop   = 6.0
	nameMost = 19
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
	Name, Full string // the first is cut to fit
	Y, TextY   string
	Cells      []DrawnCell
}

// DrawnCell is a cell in place.
type DrawnCell struct{ X, Width, Class, Title string }

// Draw lays the map out.
func (m Map) Draw() DrawnMap {
	height := mapTop + rowStep*float64(len(m.Rows)) + bottom
	d := DrawnMap{
		Title: m.Title, Desc: m.Desc, Width: num(Width), Height: num(height), Base: num(height - bottom + 2),
		Left: num(left), Right: num(Width - right), CellHeight: num(rowHigh),
	}
	scale := Plot{FromMS: m.FromMS, ToMS: max(m.ToMS, m.FromMS+1)}
	for _, t := range timeTicks(m.FromMS, m.ToMS) {
		d.X = append(d.X, Tick{num(scale.x(t.ms)), t.text})
	}
	var marks strings.Builder
	for i, r := range m.Rows {
		y := mapTop + rowStep*float64(i)
		row := DrawnRow{Name: cut(r.Name, nameMost), Full: r.Name, Y: num(y), TextY: num(y + rowHigh - 4)}
		for j, c := range r.Cells {
			x := scale.x(m.Columns[j].FromMS)
			wide := scale.x(m.Columns[j].ToMS) - x
			if wide > 5 {
				wide-- // a gap to the next one
			}
			row.Cells = append(row.Cells, DrawnCell{num(x), num(max(wide, 0.5)), c.Class, c.Title})
			if c.Mark {
				// A small cross in the middle of the cell.
				mid, half := x+wide/2, min(2.5, wide/2)
				marks.WriteString("M" + num(mid-half) + " " + num(y+rowHigh/2) + "h" + num(2*half) + "M" + num(mid) + " " + num(y+rowHigh/2-half) + "v" + num(2*half))
			}
		}
		d.Rows = append(d.Rows, row)
	}
	d.Marks = marks.String()
	return d
}

func cut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
