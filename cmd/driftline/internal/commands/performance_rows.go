package commands

import (
	"fmt"
	"strings"

	"github.com/driftline/driftline/web"
)

// performanceRows adds what is known of the champion's answers: the reading, and each
// measure of the model as a whole with the reason where there is no number. Measures of
// single classes are left to -o json.
func performanceRows(p *web.Performance, add func(what, which, format string, args ...any)) {
	week := "week to " + moment(p.ToMS)
	if !p.Mature {
		add("performance", week, "version %s, estimated: the labels of %d predictions are awaited", p.Version, p.Predicted)
	} else {
		add("performance", week, "version %s, %s: %s", p.Version, p.Reading, p.Words)
		add("labels", week, "%d of %d predictions have one, coverage %s%s", p.Labelled, p.Predicted, number(p.Coverage), besideText(p.Beside))
	}
	if p.Promised != nil {
		add("promotion", week, "%s", p.Promised.Words)
	}
	if text := p.EstimateText(); text != "" {
		add("estimate", week, "%s", text)
	}
	var names []string
	seen := map[string]bool{}
	for _, f := range p.Figures {
		if name := f.Metric + " " + f.Class; !seen[name] && (f.Class == "" || strings.HasPrefix(f.Class, "(")) {
			seen[name] = true
			names = append(names, name)
		}
	}
	for _, name := range names {
		var parts []string
		for _, f := range p.Figures {
			if f.Metric+" "+f.Class == name {
				parts = append(parts, figureText(f))
			}
		}
		add("measure", strings.TrimSpace(name), "%s", strings.Join(parts, "; "))
	}
	if !p.Mature && len(p.Figures) == 0 {
		add("estimate", week, "%s", p.Words)
	}
}

// figureText is one figure: "realised 0.91 (0.88 to 0.93)", or why there is none.
func figureText(f web.Figure) string {
	kind := f.Kind
	if kind == "error" {
		kind = "the estimate is off by"
	}
	switch {
	case f.Value == nil:
		return kind + " " + unknown + " (" + f.Reason + ")"
	case f.Low != nil && f.High != nil:
		return fmt.Sprintf("%s %s (%s to %s)", kind, number(f.Value), number(f.Low), number(f.High))
	}
	return kind + " " + number(f.Value)
}

func besideText(all []web.Beside) string {
	out := ""
	for i, b := range all {
		if out += ", "; i == 0 {
			out = "; left out: "
		}
		out += fmt.Sprintf("%d with %s", b.Rows, b.Why)
	}
	return out
}
