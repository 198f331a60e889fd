package web

import (
	"strings"
)

// performanceView is a report as the page shows it.
type performanceView struct {
	Performance
	Measures []measureRow
}

// measureRow is one measure from all sides.
type measureRow struct {
	Name                       string
	Realised, Estimated, Error Figure
}

// measureWords are names of measures that are no words yet.
var measureWords = map[string]string{
	"roc_auc": "ROC AUC", "f1": "F1", "rmse": "RMSE", "mae": "mean absolute error", "r2": "R²", "pearson": "Pearson", "mean_ic": "mean of daily IC",
	"mean_spread": "mean of daily spread, top less bottom fifth", "brier": "Brier score",
}

func measureWord(name string) string {
	if w, ok := measureWords[name]; ok {
		return w
	}
	return strings.ReplaceAll(name, "_", " ")
}

// viewOf joins the figures of one measure, in the order of the report. Classes stand
// behind the model as a whole.
func viewOf(p Performance) performanceView {
	v := performanceView{Performance: p}
	at := map[[2]string]int{}
	for _, f := range p.Figures {
		key := [2]string{f.Class, f.Metric}
		i, ok := at[key]
		if !ok {
			i = len(v.Measures)
			at[key] = i
			name := measureWord(f.Metric)
			if f.Class != "" {
				name += " of " + f.Class
			}
			switch f.Class {
			case "(macro)":
				name = measureWord(f.Metric) + ", mean of classes"
			case "(weighted)":
				name = measureWord(f.Metric) + ", weighted mean of classes"
			}
			v.Measures = append(v.Measures, measureRow{Name: name})
		}
		switch m := &v.Measures[i]; f.Kind {
		case "realised":
			m.Realised = f
		case "estimated":
			m.Estimated = f
		default:
			m.Error = f
		}
	}
	return v
}

// Tone is the mark of a reading.
func (p *Performance) Tone() string {
	switch p.Reading {
	case "harmless":
		return "good"
	case "concept drift", "covariate drift":
		return "bad"
	case "calibration drift":
		return "wait"
	}
	return "plain"
}

// Sign is the shape beside the tone's colour.
func (p *Performance) Sign() string { return toneShape(p.Tone()) }
