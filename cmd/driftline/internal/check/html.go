package check

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed report.tmpl.html
var page string

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"percent": percent, "digits": digits, "picture": picture, "moment": func(m *Moment) string {
		if m == nil {
			return "–"
		}
		return m.String()
	},
}).Parse(page))

// HTML writes a page that needs nothing beside itself.
func (out *Report) HTML(w io.Writer) error {
	return pageTemplate.Execute(w, struct {
		*Report
		Sorted     []*Feature
		Dependence string
	}{out, out.byPSI(), out.dependence()})
}

// byPSI lists the features: drifted, warned, without a verdict, stable, each by PSI.
func (out *Report) byPSI() []*Feature {
	list := make([]*Feature, len(out.Features))
	for i := range out.Features {
		list[i] = &out.Features[i]
	}
	rank := func(f *Feature) int {
		switch {
		case f.Drifted:
			return 0
		case f.Warned:
			return 1
		case f.Verdict != "stable":
			return 2
		}
		return 3
	}
	slices.SortStableFunc(list, func(a, b *Feature) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		switch {
		case a.PSI > b.PSI:
			return -1
		case a.PSI < b.PSI:
			return 1
		}
		return 0
	})
	return list
}

// Size of the picture of one feature, in px.
const (
	pictureWidth  = 220.0
	pictureHeight = 44.0
)

// picture draws the verdict bins: bars for the reference, a line for the current rows.
func picture(f *Feature) template.HTML {
	if len(f.bars) == 0 {
		return ""
	}
	top := 0.0
	for _, b := range f.bars {
		top = max(top, b.Ref, b.Cur)
	}
	var s strings.Builder
	fmt.Fprintf(&s, `<svg viewBox="0 0 %g %g" width="%g" height="%g" role="img" aria-label="shares by bin">`, pictureWidth, pictureHeight, pictureWidth, pictureHeight)
	w := pictureWidth / float64(len(f.bars))
	y := func(share float64) float64 { return math.Round((pictureHeight-2)*share/top*10) / 10 }
	for i, b := range f.bars {
		title := template.HTMLEscapeString(fmt.Sprintf("%s: reference %.1f %%, current %.1f %%", b.Label, 100*b.Ref, 100*b.Cur))
		x := float64(i) * w
		fmt.Fprintf(&s, `<g><title>%s</title><rect class="ref" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, title, x+1, pictureHeight-y(b.Ref), w-2, y(b.Ref))
		fmt.Fprintf(&s, `<rect class="cur" x="%.1f" y="%.1f" width="%.1f" height="2"/></g>`, x, pictureHeight-max(2, y(b.Cur)), w)
	}
	s.WriteString("</svg>")
	return template.HTML(s.String()) //nolint:gosec // numbers, and labels that are escaped above
}

// Formats of a report, by the end of the file's name.
const (
	jsonReport = ".json"
	htmlReport = ".html"
)

// CheckPath says what is wrong with the name of a report.
func CheckPath(path string) error {
	switch filepath.Ext(path) {
	case jsonReport, htmlReport:
		return nil
	}
	return fmt.Errorf("--report: %s; want a name that ends in .json or .html", path)
}

// WriteFile writes a report by the end of the name; it is never half there.
func WriteFile(path string, content any, page func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".report-*")
	if err != nil {
		return fmt.Errorf("write report %s: %w", path, err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone by then where all went well
	if filepath.Ext(path) == htmlReport {
		err = page(f)
	} else {
		enc := json.NewEncoder(f)
		enc.SetIndent("", "  ")
		err = enc.Encode(content)
	}
	if err == nil {
		err = f.Chmod(0o644)
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write report %s: %w", path, err)
	}
	return nil
}
