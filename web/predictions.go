package web

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/web/chart"
)

// kindPrediction is the kind of alarms on what a version answers.
const kindPrediction = "prediction"

// Names of the two features of what a version answers.
const (
	scoreFeature = "score"
	classFeature = "prediction"
)

// Predictions is what a version answered in a window.
type Predictions struct {
	Rows      int64            `json:"rows" doc:"Answers."`
	Scored    int64            `json:"scored" doc:"Of these, those with a score from 0 to 1."`
	MeanScore *Number          `json:"mean_score" doc:"Of those; null where there are none."`
	PSI       *Number          `json:"psi" doc:"The largest of score and prediction against the reference; null where they are not compared."`
	Classes   map[string]int64 `json:"classes" nullable:"false" doc:"Answers per predicted class; the empty name is none."`
}

// predictions turns the stored form into the one of the API, nil where there is none.
func (b *predictionBody) predictions() *Predictions {
	if b == nil {
		return nil
	}
	out := &Predictions{Rows: b.Rows, Scored: b.Scored, MeanScore: b.MeanScore.value(), PSI: b.PSI.value(), Classes: b.Classes}
	if out.Classes == nil {
		out.Classes = map[string]int64{}
	}
	return out
}

// judgesFeatures tells whether an alarm goes by verdicts on features: of the input, or of the
// answers.
func judgesFeatures(a *store.AlarmRow) bool { return a.Kind == "drift" || a.Kind == kindPrediction }

// answersWords name those of the two features that moved, both where none is known.
func answersWords(fs []featureBody) string {
	moved := func(name string) bool {
		return slices.ContainsFunc(fs, func(f featureBody) bool { return f.Name == name && f.drifted() })
	}
	switch s, c := moved(scoreFeature), moved(classFeature); {
	case s && !c:
		return "scores"
	case c && !s:
		return "predicted classes"
	}
	return "scores and predicted classes"
}

// answersMeaning says what an alarm on predictions tells, and what it does not.
const answersMeaning = "it says that answers changed, not whether they are worse"

// answersText says what of the answers was compared with what.
func (s *story) answersText() string {
	v := s.alarm.Version
	return "what version " + v + " answered, as scores from 0 to 1 and predicted classes, against what it answered for the rows of the reference; answers of other versions are not in it, for a new version may answer differently. An alarm says that answers changed, not whether they are worse: performance does, once labels are there"
}

// predictionRow is what one version answered in the newest window of one length.
type predictionRow struct {
	store.ScoreRow
	Answers  *predictionBody // nil: no rows
	Score    *featureBody    // against the reference; nil: not compared
	Class    *featureBody
	Verdict  string // "" where answers are not compared
	Why      string // there is no verdict
	Alarm    string // its open alarm, "" for none
	Champion bool
	// SilencedUntilMS is that of the alarm.
	SilencedUntilMS int64
}

// classShare is a predicted class with its part of the answers.
type classShare struct {
	Name  string
	Share float64
}

// mostClasses bounds the classes that a line shows.
const mostClasses = 5

// Shares are the most frequent classes, the largest first.
func (r predictionRow) Shares() []classShare {
	if r.Answers == nil {
		return nil
	}
	return classShares(r.Answers.Classes)
}

// More is how many classes Shares leaves out.
func (r predictionRow) More() int {
	if r.Answers == nil {
		return 0
	}
	return max(0, len(r.Answers.Classes)-mostClasses)
}

func classShares(classes map[string]int64) (out []classShare) {
	all := int64(0)
	for _, n := range classes {
		all += n
	}
	for name, n := range classes {
		out = append(out, classShare{cmp.Or(name, "none"), share(n, all)})
	}
	slices.SortFunc(out, func(a, b classShare) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), strings.Compare(a.Name, b.Name))
	})
	return out[:min(len(out), mostClasses)]
}

// predictionRows are the versions that answered in the newest windows of one length, the one
// that is compared first. Of a version that answers no more, the last score is left behind:
// it is left out when the others are more than a window ahead.
func predictionRows(latest []store.ScoreRow, open []store.AlarmRow, windowMS int64, champion string) (out []predictionRow, err error) {
	newest := int64(0)
	for _, r := range latest {
		if r.WindowMS == windowMS {
			newest = max(newest, r.EndMS)
		}
	}
	by := map[string]store.ScoreRow{}
	for _, r := range latest {
		if r.WindowMS != windowMS || r.Version == anyVersion || r.EndMS < newest-windowMS {
			continue
		}
		// Two references may have the same window; the one that judged more stays.
		if old, ok := by[r.Version]; !ok || cmp.Or(cmp.Compare(r.EndMS, old.EndMS), cmp.Compare(r.Judged, old.Judged)) > 0 {
			by[r.Version] = r
		}
	}
	for _, r := range by {
		b, err := parseScore(r.Body)
		if err != nil {
			return nil, err
		}
		x := predictionRow{ScoreRow: r, Answers: b.Predictions, Champion: r.Version == champion}
		for i := range b.Features {
			switch f := &b.Features[i]; f.Name {
			case scoreFeature:
				x.Score = f
			case classFeature:
				x.Class = f
			}
		}
		for i := range open {
			if a := &open[i]; a.Kind == kindPrediction && a.Version == r.Version && a.WindowMS == windowMS {
				x.Alarm, x.SilencedUntilMS = a.Episode, a.SilencedUntilMS
			}
		}
		x.Verdict, x.Why = answersVerdict(&b, r.Drifted, r.Judged, x.Alarm != "")
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b predictionRow) int {
		compared := func(r predictionRow) int { return min(len(r.Verdict), 1) }
		return cmp.Or(cmp.Compare(compared(b), compared(a)), cmp.Compare(b.EndMS, a.EndMS), strings.Compare(a.Version, b.Version))
	})
	return out, nil
}

// answersVerdict is how the answers of a version stand, in one of the words for features, and
// why there is no verdict; "" where they are not compared at all.
func answersVerdict(b *scoreBody, drifted, judged int64, fires bool) (verdict, why string) {
	switch {
	case fires:
		return "firing", ""
	case drifted > 0:
		return "drifted", ""
	case judged > 0:
		return "stable", ""
	case len(b.Features) > 0:
		return b.Features[0].Verdict, b.Features[0].Reason
	case b.State == "empty":
		return "insufficient", "no answers in the window"
	case b.State == "learning":
		return "", "the model has no reference yet"
	}
	return "", "the reference holds no answers of this version, or policy.predictions is off"
}

// predictions draws how far the answers of a version are from those of the reference, over the
// time that the other drawings cover.
func (h *history) predictions(ctx context.Context, t *store.Tx, version string) (chart.Drawing, error) {
	of := *h
	of.answers = version
	rows, err := t.Scores(ctx, store.ScoreQuery{
		Model: h.model, Version: version, WindowMS: h.windowMS, FromMS: h.fromMS, ToMS: h.toMS, FinalOnly: true, Newest: true, NoBody: true, Limit: mostWindows,
	})
	if err != nil {
		return chart.Drawing{}, err
	}
	slices.Reverse(rows)
	of.rows = mergeEnds(rows)
	p := of.plot("Largest PSI of what version "+version+" answers", "The larger PSI of scores and predicted classes against those of the reference, per window, with the warning level and the level of drift")
	p.Root, p.Height = true, 130
	p.Lines = []chart.Line{{Name: "largest PSI", Class: "l0", Points: of.over(func(r *store.ScoreRow) *float64 { return r.MaxPSI })}}
	p.Levels = []chart.Level{
		{Y: h.limits.Warn, Text: "warn " + short(h.limits.Warn), Class: "warn"},
		{Y: h.limits.Drifted, Text: "drifted " + short(h.limits.Drifted), Class: "drifted"},
	}
	return p.Draw(), nil
}
