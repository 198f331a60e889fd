package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/registry/store"
)

// Fact is one piece of evidence: a name and a sentence.
type Fact struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Definition says in a line what a statistic is.
type Definition struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// OtherRule is what another rule, threshold or window said of the same time.
type OtherRule struct {
	Rule    string  `json:"rule"`
	Drifted int64   `json:"drifted"`
	Judged  int64   `json:"judged"`
	Share   float64 `json:"share"`
	Fires   bool    `json:"fires" doc:"Its share reaches the limit of the alarm."`
	Text    string  `json:"text"`
}

// definitions of what a feature's figures are, in the order of the table.
var definitions = []Definition{
	{"PSI", "population stability index, the sum over the bins of (c − r)·ln(c/r); r and c are the shares of reference and window, with half a count added to every bin (zero rule jeffreys)"},
	{"lower bound", "one-sided lower confidence bound of the PSI at 1 − alpha, with the numbers of rows and how they hang together counted in"},
	{"debiased PSI", "PSI less what it is on average without drift; may be negative"},
	{"KS", "Kolmogorov–Smirnov distance, the largest difference of the two distribution functions; it lies between the two figures"},
	{"Wasserstein", "mean distance that values have moved, in standard deviations of the reference"},
	{"JS", "Jensen–Shannon distance, base 2, between 0 and 1"},
	{"design effect", "how many rows weigh as one, because rows that follow each other are alike"},
	{"effective n", "the smaller of n and m divided by the design effect and its spread"},
	{"smallest detectable PSI", "a true PSI of this size would have been found with a chance of 0.8"},
}

// readAround reads what stood around an alarm: its incident, other windows, its reference.
func (s *story) readAround(ctx context.Context, t *store.Tx, nowMS int64) error {
	a := s.alarm
	ns, err := readIncidents(ctx, t, a.Model, nowMS)
	if err != nil {
		return err
	}
	for _, n := range ns {
		if slices.ContainsFunc(n.Alarms, func(o store.AlarmRow) bool { return o.Episode == a.Episode }) {
			s.incident = n
		}
	}
	if a.Reference != "" {
		r, err := t.Reference(ctx, a.Model, a.Reference)
		if err == nil {
			s.reference = &r
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	if !judgesFeatures(&a) && a.Kind != store.KindEarly {
		return nil
	}
	if a.Segment != "" {
		return s.readAroundPart(ctx, t)
	}
	latest, err := t.LatestScores(ctx, a.Model)
	if err != nil {
		return err
	}
	seen := map[int64]bool{a.WindowMS: judgesFeatures(&a)}
	version, reference := anyVersion, ""
	if a.Kind == kindPrediction {
		version, reference = a.Version, a.Reference // nothing else is compared with it
	}
	for _, l := range latest {
		if seen[l.WindowMS] || l.Version != version || reference != "" && l.Reference != reference {
			continue
		}
		seen[l.WindowMS] = true
		rows, err := t.Scores(ctx, store.ScoreQuery{
			Model: a.Model, Version: version, Reference: reference, WindowMS: l.WindowMS, ToMS: s.firedMS(), FinalOnly: true, Newest: true, NoBody: true, Limit: 1,
		})
		if err != nil {
			return err
		}
		s.windows = append(s.windows, rows...)
	}
	slices.SortFunc(s.windows, func(a, b store.ScoreRow) int { return cmp.Compare(a.WindowMS, b.WindowMS) })
	return nil
}

// firedMS is the window end at which the alarm fired, or the warning was given.
func (s *story) firedMS() int64 {
	if s.alarm.Kind == store.KindEarly {
		return s.alarm.LastMS
	}
	return s.alarm.SinceMS
}

// mostDetectable bounds the features whose smallest detectable PSI is computed: each takes
// up to milliseconds.
const mostDetectable = 30

// featuresTold are the features with their smallest detectable PSI.
func (s *story) featuresTold() []Feature {
	out := featuresOf(s.features)
	for i := range out[:min(len(out), mostDetectable)] {
		if d := s.first; d != nil && judgesFeatures(&s.alarm) {
			out[i].Detectable = s.features[i].detectable(d.Alpha, d.Threshold)
		}
	}
	for i := range out {
		out[i].Statistics = s.found[out[i].Name]
	}
	return out
}

// evidence lists what the alarm rests on, a sentence each.
func (s *story) evidence() (out []Fact) {
	add := func(name, text string) {
		if text != "" {
			out = append(out, Fact{name, text})
		}
	}
	out = []Fact{}
	a, d := s.alarm, s.first
	if a.Kind == kindPrediction {
		add("answers", s.answersText())
	}
	if d != nil && judgesFeatures(&a) {
		add("statistic", s.statisticText())
		add("sample", s.sampleText())
		add("threshold", s.thresholdText())
		add("share", s.shareText())
	}
	if d != nil {
		text := fmt.Sprintf("%s, from %s to %s UTC, %s rows", spanText(a.WindowMS), momentText(d.StartMS), momentText(d.EndMS), groupText(d.Rows))
		if d.Expected > 0 {
			text += fmt.Sprintf(", %s of the input was there", percent(float64(d.Covered)/float64(d.Expected)))
		}
		add("window", text)
	}
	if a.Segment != "" {
		add("traffic", s.trafficText())
	}
	add("reference", s.referenceText())
	if d != nil && a.Kind == store.KindEarly {
		add("calibration", s.calibrationText())
	}
	add("smallest detectable", s.detectableText())
	add("other evidence", s.otherText())
	return out
}

func (s *story) statisticText() string {
	d := s.first
	if d.Rule == drift.RuleCalibrated {
		return "lower confidence bound of the PSI of each feature (rule calibrated): " + definitions[0].Text
	}
	return "PSI of each feature (rule " + d.Rule + "): " + definitions[0].Text
}

// sampleText sums up the sizes behind the largest statistic.
func (s *story) sampleText() string {
	if len(s.features) == 0 {
		return ""
	}
	f := s.features[0]
	out := fmt.Sprintf("%s: n = %s of the reference, m = %s of the window", f.Name, groupText(f.N), groupText(f.M))
	if f.NEff.Known() {
		out += ", effective n " + short(f.NEff.or(0))
	}
	if f.DesignEffect.Known() {
		out += ", design effect " + short(f.DesignEffect.or(0)) + " (" + dependenceText(&f) + ")"
	}
	return out
}

func dependenceText(f *featureBody) string {
	switch {
	case f.Dependence == "" && f.DesignEffect.or(1) > 1: // of an earlier build
		return "from where was not kept"
	case f.Dependence == "":
		return "records taken as independent"
	case f.Blocks > 0:
		return fmt.Sprintf("from %d %s", f.Blocks, map[bool]string{true: "blocks of the reference", false: "live windows"}[f.Dependence == drift.FromBlocks.String()])
	}
	return f.Dependence
}

// thresholdText says where threshold and level come from.
func (s *story) thresholdText() string {
	d := s.first
	out := fmt.Sprintf("PSI %s from policy %s (policy.drifted; 0.2 is the default, a convention)", short(d.Threshold), d.Policy)
	if d.Rule != drift.RuleCalibrated {
		return out + "; the classic rule looks at the PSI alone, whatever the number of rows"
	}
	if !(d.Alpha > 0) {
		return out
	}
	out += fmt.Sprintf("; level %s a decision, from %s false alarms a model and month (policy.false_alarms)", short(d.Alpha), short(d.FalseAlarms))
	if d.HopMS > 0 {
		out += fmt.Sprintf(" over %s decisions of a feature a month, one every %s", groupText(monthMS/d.HopMS), spanText(d.HopMS))
	}
	features := fmt.Sprintf("%d features", d.All)
	if s.alarm.Kind == kindPrediction {
		features = "the features of the model, these two among them"
	}
	switch {
	case d.Multiplicity == drift.ByBH:
		out += ", the features of a hop together by Benjamini–Hochberg"
	case d.Alpha <= drift.MinAlpha:
		out += fmt.Sprintf(" and %s; no level is below %s", features, short(drift.MinAlpha))
	case d.Alpha >= drift.MaxAlpha:
		out += fmt.Sprintf(" and %s; no level is above %s", features, short(drift.MaxAlpha))
	default:
		out += " and " + features
	}
	return out
}

// monthMS is the month of the alert budget.
const monthMS = 30 * dayMS

func (s *story) shareText() string {
	d := s.first
	out := fmt.Sprintf("%d of %d judged features drifted, share %s; the alarm fires from %s on (policy.share_fire)", d.Drifted, d.Judged, percent(share(int64(d.Drifted), int64(d.Judged))), percent(d.ShareFire))
	if x := d.ShareImportance; x != nil {
		out += fmt.Sprintf("; by importance %s", percent(*x))
		if d.ShareBy == byImportance {
			out += ", which decides"
		} else {
			out += ", which is shown only"
		}
	}
	return out
}

func (s *story) referenceText() string {
	a, r := s.alarm, s.reference
	switch {
	case a.Reference == "":
		return ""
	case a.Segment != "":
		return s.partReferenceText()
	case r == nil:
		return a.Reference + ", which is no longer kept"
	}
	out := fmt.Sprintf("%s, of %s, %s rows", r.ID, cmp.Or(strings.ReplaceAll(r.Kind, "_", " "), "unknown origin"), groupText(r.Rows))
	if r.ToMS > 0 {
		out += fmt.Sprintf(" from %s to %s UTC (%s)", momentText(r.FromMS), momentText(r.ToMS), roughText(r.ToMS-r.FromMS))
	}
	if r.Version != "" {
		out += ", made for version " + r.Version
	}
	return out
}

// detectableText says what the features without drift could hide.
func (s *story) detectableText() string {
	d := s.first
	if d == nil || !judgesFeatures(&s.alarm) || !(d.Alpha > 0) {
		return ""
	}
	var least, most *float64
	for i := range s.features[:min(len(s.features), mostDetectable)] {
		if f := &s.features[i]; !f.drifted() {
			if x := f.detectable(d.Alpha, d.Threshold); x != nil {
				if least == nil || *x < *least {
					least = x
				}
				if most == nil || *x > *most {
					most = x
				}
			}
		}
	}
	if least == nil {
		return ""
	}
	return fmt.Sprintf("of the features that are not drifted, a true PSI of %s to %s would have been found with a chance of 0.8; less could hide", short(*least), short(*most))
}

// otherText says what else was known of the model at the time.
func (s *story) otherText() string {
	var parts []string
	if s.alarm.QualityOpen {
		parts = append(parts, "a data-quality alarm was open: the shift may be one of the data")
	}
	if d := s.first; d != nil && d.Expected > 0 && d.Covered < d.Expected {
		parts = append(parts, fmt.Sprintf("coverage %s", percent(float64(d.Covered)/float64(d.Expected))))
	}
	if n := s.incident; len(n.Alarms) > 1 {
		var names []string
		for _, a := range slices.Backward(n.Alarms) {
			if a.Episode != s.alarm.Episode {
				names = append(names, fmt.Sprintf("%s over %s since %s", a.Label(), spanText(a.WindowMS), momentText(a.SinceMS)))
			}
		}
		const most = 4
		text := strings.Join(names[:min(len(names), most)], "; ")
		if more := len(names) - most; more > 0 {
			text += fmt.Sprintf("; and %d more", more)
		}
		parts = append(parts, "same incident: "+text)
	}
	return strings.Join(parts, ". ")
}

// otherRules judges the window in which the alarm fired by other rules, and looks at other
// windows of the time: what would not have fired, and what would have too.
func (s *story) otherRules() (out []OtherRule) {
	out = []OtherRule{}
	d := s.first
	if d == nil || !judgesFeatures(&s.alarm) || !(d.ShareFire > 0) {
		return out
	}
	add := func(rule string, drifted, judged int64) {
		if judged == 0 {
			return
		}
		o := OtherRule{Rule: rule, Drifted: drifted, Judged: judged, Share: share(drifted, judged)}
		o.Fires = o.Share >= d.ShareFire
		does := "silent"
		if o.Fires {
			does = "over the limit too"
		}
		o.Text = fmt.Sprintf("%s: %d of %d features, %s", rule, drifted, judged, does)
		out = append(out, o)
	}
	if s.hasScore {
		ignored := s.ignored()
		count := func(rule string, over func(f *featureBody) (drifted, judged bool)) {
			var drifted, judged int64
			for i := range s.features {
				f := &s.features[i]
				if slices.Contains(ignored, f.Name) {
					continue
				}
				a, b := over(f)
				if b {
					judged++
				}
				if a && b {
					drifted++
				}
			}
			add(rule, drifted, judged)
		}
		for _, limit := range []float64{0.1, 0.2, 0.25} {
			if d.Rule == drift.RuleClassic && limit == d.Threshold {
				continue
			}
			count("classic PSI ≥ "+short(limit), func(f *featureBody) (bool, bool) { return f.PSI.or(0) >= limit, f.PSI.Known() && f.judged() })
		}
		if d.Rule == drift.RuleCalibrated && d.Threshold < 0.25 {
			count("lower bound > 0.25", func(f *featureBody) (bool, bool) { return f.PSILower.or(0) > 0.25, f.judged() })
		}
		count("KS p < 0.05", func(f *featureBody) (bool, bool) {
			p := f.ksP()
			return p != nil && *p < 0.05, p != nil && f.judged()
		})
	}
	for _, w := range s.windows {
		rule := "window of " + spanText(w.WindowMS)
		if w.Segment != s.alarm.Segment {
			rule = "all of the traffic, " + rule
		}
		if w.Judged == 0 {
			out = append(out, OtherRule{Rule: rule, Text: rule + ": no verdict yet"})
			continue
		}
		add(rule, w.Drifted, w.Judged)
	}
	return out
}

// definitions are those of the figures that the features have.
func (s *story) definitions() []Definition {
	if !judgesFeatures(&s.alarm) || len(s.features) == 0 {
		return []Definition{}
	}
	return definitions
}

// calibrationText says how often a warning comes by chance.
func (s *story) calibrationText() string {
	number := func(key string) (float64, bool) {
		x, ok := s.first.Detail[key].(float64)
		return x, ok
	}
	target, ok := number("false_alarms_target")
	if !ok {
		return ""
	}
	out := "calibrated to " + short(target) + " false warnings a model and month"
	if x, ok := number("false_alarms_achieved"); ok {
		out += ", " + short(x) + " achieved"
	}
	low, okLow := number("false_alarms_low")
	high, okHigh := number("false_alarms_high")
	if okLow && okHigh {
		out += " (" + short(low) + " to " + short(high) + ")"
	}
	return out
}

// acts says what people did about the alarm: who took it up, notes, silences.
func (s *story) acts() (out []string) {
	a := s.alarm
	if a.AckBy != "" {
		out = append(out, "Taken up by "+a.AckBy+", "+momentText(a.AckMS)+" UTC.")
	}
	if n := len(a.Notes); n > 0 {
		last := a.Notes[n-1]
		text := last.Author + " noted: " + strconv.Quote(last.Text) + "."
		if n > 1 {
			text = strconv.Itoa(n) + " notes, the last: " + text
		}
		out = append(out, text)
	}
	if a.SilencedUntilMS > 0 {
		out = append(out, "Silenced until "+momentText(a.SilencedUntilMS)+" UTC.")
	}
	return out
}
