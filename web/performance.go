package web

import (
	"strings"
)

// performanceView is a report as the page shows it.
type performanceView struct {
	Performance
	Measures measureTable // of the model as a whole
	Further  measureTable // of its calibration and by class
}

// measureTable is a table of measures; without labels it has no realised ones.
type measureTable struct {
	Mature bool
	Rows   []measureRow
}

// measureRow is one measure from all sides.
type measureRow struct {
	Name                       string
	Realised, Estimated, Error Figure
	further                    bool
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

// viewOf joins the figures of one measure, in the order of the report. Calibration and
// classes stand behind the model as a whole.
func viewOf(p Performance) performanceView {
	v := performanceView{Performance: p, Measures: measureTable{Mature: p.Mature}, Further: measureTable{Mature: p.Mature}}
	at := map[[2]string]int{}
	var rows []measureRow
	for _, f := range p.Figures {
		key := [2]string{f.Class, f.Metric}
		i, ok := at[key]
		if !ok {
			i = len(rows)
			at[key] = i
			rows = append(rows, measureRow{Name: measureName(f), further: f.Class != "" || strings.HasPrefix(f.Metric, "calibration_")})
		}
		switch m := &rows[i]; f.Kind {
		case "realised":
			m.Realised = f
		case "estimated":
			m.Estimated = f
		default:
			m.Error = f
		}
	}
	for _, m := range rows {
		if m.further {
			v.Further.Rows = append(v.Further.Rows, m)
		} else {
			v.Measures.Rows = append(v.Measures.Rows, m)
		}
	}
	return v
}

func measureName(f Figure) string {
	switch name := measureWord(f.Metric); f.Class {
	case "":
		return name
	case "(macro)":
		return name + ", mean of classes"
	case "(weighted)":
		return name + ", weighted mean of classes"
	default:
		return name + " of " + f.Class
	}
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
