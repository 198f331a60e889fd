package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/registry/store"
)

func (e *Explanation) text() string {
	parts := []string{e.Why}
	if e.Most != "" {
		parts = append(parts, e.Most)
	}
	parts = append(parts, e.Done...)
	if e.Silent != "" {
		parts = append(parts, e.Silent)
	}
	return strings.Join(parts, " ")
}

// why is the first sentence: what was found, in which window, on how many rows.
func (s *story) why() string {
	a, d := s.alarm, s.first
	name := a.Model
	if a.Version != anyVersion {
		name += " version " + a.Version
	}
	if a.Segment != "" {
		name += ", " + partText(a.Segment)
	}
	if d == nil {
		return fmt.Sprintf("%s: a %s alarm of the %s window since %s; its events are no longer kept.", name, a.Name(), spanText(a.WindowMS), momentText(a.SinceMS))
	}
	window := fmt.Sprintf("%s to %s UTC", momentText(d.StartMS), momentText(d.EndMS))
	switch a.Kind {
	case "quality":
		if d.Check != "" {
			return name + ": " + checkText(d) + ", window of " + spanText(a.WindowMS) + ", " + window + ". An open data-quality alarm blocks automatic retraining."
		}
		return fmt.Sprintf("%s: %s in %d of %d features%s, window of %s, %s, n = %s. An open data-quality alarm blocks automatic retraining.",
			name, cmp.Or(d.Rule, "bad data"), d.Drifted, d.All, namesOf(d.Top), spanText(a.WindowMS), window, groupText(d.Rows))
	case kindJoint:
		text := "all features together differ from the reference"
		if j := s.joint(); j != nil {
			text = j.why()
		}
		return fmt.Sprintf("%s: %s, in %s, n = %s against reference %s.", name, text, inARow(d.Hops, spanText(a.WindowMS), window), groupText(d.Rows), groupText(d.ReferenceRows))
	case kindPrediction:
		name = a.Model // the sentence says the version
	case "performance":
		return name + ": " + performanceText(d) + ", " + window + "." + performanceWords(d)
	case store.KindEarly:
		return name + ": " + s.earlyText()
	}
	statistic := "PSI"
	if d.Rule == drift.RuleCalibrated {
		statistic = "the lower bound of PSI"
	}
	judged := strconv.Itoa(d.Judged)
	if d.Judged < d.All {
		judged += fmt.Sprintf(" judged (of %d)", d.All)
	}
	above := "above " + statistic + " " + short(d.Threshold)
	if d.Rule == drift.RuleCalibrated {
		above = "with " + statistic + " above " + short(d.Threshold)
	}
	if a.Kind == kindPrediction {
		return fmt.Sprintf("%s: the %s of version %s are not spread as they were in the reference, %s (share %.2f ≥ %s) in %s, n = %s against %s.",
			name, answersWords(s.features), a.Version, above, d.share(), short(d.ShareFire), inARow(d.Hops, spanText(a.WindowMS), window), groupText(d.Rows), referenceText(d))
	}
	return fmt.Sprintf("%s: %d of %s features %s (share %.2f ≥ %s) in %s, n = %s against %s.",
		name, d.Drifted, judged, above, d.share(), short(d.ShareFire), inARow(d.Hops, spanText(a.WindowMS), window), groupText(d.Rows), referenceText(d))
}

// referenceText says what a window was compared with. One that moves along is named with
// the time that it was made of.
func referenceText(d *eventData) string {
	rows := groupText(d.ReferenceRows)
	switch d.ReferenceKind {
	case "trailing":
		return fmt.Sprintf("the trailing reference of %s to %s UTC, %s", momentText(d.ReferenceFrom), momentText(d.ReferenceTo), rows)
	case "seasonal":
		return fmt.Sprintf("the same hours of the weeks before (%s to %s UTC), %s", momentText(d.ReferenceFrom), momentText(d.ReferenceTo), rows)
	case "last_good":
		return fmt.Sprintf("the reference of the last good days (%s to %s UTC), %s", momentText(d.ReferenceFrom), momentText(d.ReferenceTo), rows)
	}
	if d.Segment != "" {
		return "the same part of the reference, " + rows
	}
	return "reference " + rows
}

// partText names a part of the traffic within a sentence.
func partText(segment string) string { return "the part " + segment + " of the traffic" }

// earlyText says what an early warning saw, and since when.
func (s *story) earlyText() string {
	d := s.first
	word := func(key, other string) string {
		if x, ok := d.Detail[key].(string); ok && x != "" {
			return x
		}
		return other
	}
	out := fmt.Sprintf("early warning, %s: %s no longer follows the reference (%s) since about %s", momentText(d.EndMS)+" UTC", word("feature", "a feature"), word("path", "a shift"), momentText(s.alarm.SinceMS))
	if sum, ok := d.Detail["sum"].(float64); ok && d.Threshold > 0 {
		out += fmt.Sprintf("; evidence %s, threshold %s", decimals(sum), decimals(d.Threshold))
	}
	return out + ". It opens no alarm and asks for no retrain: the windows decide."
}

// inARow says in how many windows, and which the last one was.
func inARow(n int, length, last string) string {
	if n <= 1 {
		return "the window of " + length + ", " + last
	}
	return strconv.Itoa(n) + " windows of " + length + " in a row, the last " + last
}

// joint is the evidence of an alarm on all features together, nil for others.
func (s *story) joint() *Joint {
	if s.first == nil || s.alarm.Kind != kindJoint {
		return nil
	}
	return s.first.joint()
}

// namesOf lists features in brackets: " (temp, hum and 3 more)".
func namesOf(fs []featureBody) string {
	const most = 3
	var names []string
	for _, f := range fs[:min(len(fs), most)] {
		text := f.Name
		if x := f.Null.value(); x != nil {
			text += fmt.Sprintf(" %s null", percent(*x))
		}
		names = append(names, text)
	}
	if len(names) == 0 {
		return ""
	}
	out := " (" + strings.Join(names, ", ")
	if more := len(fs) - most; more > 0 {
		out += fmt.Sprintf(" and %d more", more)
	}
	return out + ")"
}

func performanceText(d *eventData) string {
	if text, ok := errorText(d); ok {
		return text
	}
	number := func(key string) (float64, bool) {
		x, ok := d.Detail[key].(float64)
		return x, ok
	}
	metric, ok := d.Detail["metric"].(string)
	if !ok {
		metric = "realised performance"
	}
	out := strings.ReplaceAll(metric, "_", " ")
	if x, ok := number("value"); ok {
		out += " " + decimals(x)
	}
	if x, ok := number("baseline"); ok {
		out += ", before " + decimals(x)
	}
	if x, ok := number("margin"); ok {
		out += ", worse by more than the margin " + short(x)
	}
	return out
}

// performanceWords says what the fall means, and on how many labels it stands.
func performanceWords(d *eventData) string {
	out := ""
	if words, ok := d.Detail["words"].(string); ok && words != "" {
		out += " " + strings.ToUpper(words[:1]) + strings.TrimSuffix(words[1:], ".") + "."
	}
	if c, ok := d.Detail["label_coverage"].(float64); ok {
		out += " " + percent(c) + " of the predictions have their label."
	}
	return out
}

// most names the largest contribution.
func (s *story) most() string {
	if j := s.joint(); j != nil && s.alarm.Kind == kindJoint {
		return j.most()
	}
	if !judgesFeatures(&s.alarm) || len(s.features) == 0 || !s.features[0].PSI.Known() {
		return ""
	}
	f := s.features[0]
	psi := f.PSI.or(0)
	out := fmt.Sprintf("Most: %s, PSI %s", f.Name, decimals(psi))
	if high := f.KSHigh.value(); high != nil {
		out += fmt.Sprintf(", KS %s to %s", decimals(f.KSLow.or(0)), decimals(*high))
	}
	if len(f.Top) > 0 && psi > 0 && f.Top[0].Part.Known() {
		c := f.Top[0]
		out += fmt.Sprintf("; %s of the shift is in %s", percent(c.Part.or(0)/psi), c.Label)
		if c.Ref.Known() && c.Cur.Known() {
			out += fmt.Sprintf(" (%s of the reference, %s of the window)", percent(c.Ref.or(0)), percent(c.Cur.or(0)))
		}
	}
	return out + "."
}

// silent says what would have kept the alarm silent in the window in which it fired.
func (s *story) silent() string {
	d := s.first
	if !judgesFeatures(&s.alarm) || d == nil || d.Judged == 0 || d.ShareFire <= 0 {
		return ""
	}
	var ways []string
	if limit, ok := s.quietThreshold(); ok {
		ways = append(ways, "threshold ≥ "+strconv.FormatFloat(limit, 'f', 2, 64))
	}
	if limit := above(d.share()); limit <= 1 {
		ways = append(ways, "share limit ≥ "+strconv.FormatFloat(limit, 'f', 2, 64))
	}
	if s.run > 0 {
		ways = append(ways, fmt.Sprintf("%d windows in a row needed", s.run+1))
	}
	if len(ways) == 0 {
		return ""
	}
	return "Silent with " + strings.Join(ways, " or ") + "."
}

// quietThreshold is the least threshold, to two decimals, at which too few features
// would have drifted. It is not known where features that do not count towards the
// share cannot be told apart.
func (s *story) quietThreshold() (float64, bool) {
	d := s.first
	if !s.hasScore {
		return 0, false
	}
	var over []float64
	ignored := s.ignored()
	for i := range s.features {
		if f := &s.features[i]; f.drifted() && !slices.Contains(ignored, f.Name) {
			if !f.judging().Known() {
				return 0, false
			}
			over = append(over, f.judging().or(0))
		}
	}
	need := int(math.Ceil(d.ShareFire*float64(d.Judged) - 1e-9))
	if len(over) != d.Drifted || need < 1 || need > len(over) {
		return 0, false
	}
	slices.Sort(over)
	slices.Reverse(over)
	return above(over[need-1]), true
}

// ignored are the features that the model's settings leave out of the share.
func (s *story) ignored() []string {
	if s.alarm.Kind == kindPrediction {
		return nil // features of the input are meant
	}
	var spec struct {
		Policy struct {
			Ignore []string `json:"ignore"`
		} `json:"policy"`
	}
	if err := json.Unmarshal([]byte(s.watched.SpecJSON), &spec); err != nil {
		return nil // settings in another form: then the count of drifted features decides
	}
	return spec.Policy.Ignore
}

// done says what was done about the alarm, or why nothing.
func (s *story) done() (out []string) {
	return append(s.retrained(), s.acts()...)
}

func (s *story) retrained() (out []string) {
	for _, r := range slices.Backward(s.retrains) {
		out = append(out, retrainSentence(r))
	}
	if len(out) == 0 && s.alarm.Kind == kindJoint {
		return []string{"Not retrained: an alarm on all features together starts no retrain."}
	}
	if len(out) == 0 && s.alarm.Kind == kindPrediction {
		return []string{"Not retrained: an alarm on predictions starts no retrain, for " + answersMeaning + "; look at the performance of the version."}
	}
	if len(out) > 0 || s.alarm.Kind != "drift" {
		return out
	}
	switch d := s.last; {
	case s.alarm.Segment != "":
		return []string{"Not retrained: an alarm of a part of the traffic starts no retrain, for a new version learns from all of the traffic; the alarm of all of it does, once enough has moved."}
	case s.alarm.QualityOpen:
		return []string{"Not retrained: a data-quality alarm is open."}
	case s.watched.Automation == "observe":
		return []string{"Not retrained: automation of the model is observe."}
	case d != nil && (d.ReferenceKind == "trailing" || d.ReferenceKind == "seasonal"):
		return []string{"Not retrained: an alarm against a " + d.ReferenceKind + " reference starts no retrain."}
	case d != nil && !d.MayRetrain:
		return []string{"Not retrained: windows of this length do not start retrains."}
	}
	return []string{"No retrain was asked for yet."}
}

// retrainSentence sums up a retrain in one sentence.
func retrainSentence(r store.Retrain) string {
	reason := strings.TrimRight(r.Reason, ". ")
	with := func(text string) string {
		if reason != "" {
			text += ": " + reason
		}
		return text + "."
	}
	switch r.State {
	case store.RetrainPromoted, store.RetrainProbation, store.RetrainDone:
		if r.Version != "" {
			return "Retrained: version " + r.Version + " promoted."
		}
		return with("Retrained")
	case store.RetrainRejected:
		if gate := failedGate(r); gate != "" {
			return "Retrained, the new version was refused: " + gate + "."
		}
		return with("Retrained, the new version was refused")
	case store.RetrainRolledBack:
		return with("Retrained, version " + r.Version + " was rolled back")
	case store.RetrainCoalesced:
		return with("Not retrained")
	case store.RetrainBlocked:
		return with("Retrain blocked")
	case store.RetrainFailed:
		return with("Retrain failed")
	case store.RetrainApproval:
		return "Retrained, version " + r.Version + " waits for approval."
	}
	return "Retrain under way (" + stateWord(r.State) + ")."
}

// failedGate names the first check that kept a version out.
func failedGate(r store.Retrain) string {
	gates, err := parseGates(r.GatesJSON)
	if err != nil {
		return "" // the reason of the row is shown in its place
	}
	for _, outcome := range []string{"fail", "undecided"} {
		for _, g := range gates {
			if g.Outcome != outcome || g.Advisory {
				continue
			}
			text := strings.ReplaceAll(g.Name, "_", " ")
			if g.Value != nil && g.Limit != nil {
				text += fmt.Sprintf(" %s, limit %s", decimals(*g.Value), decimals(*g.Limit))
			}
			return text
		}
	}
	return ""
}

func watchedOrNone(ctx context.Context, t *store.Tx, model string) (store.WatchedModel, error) {
	m, err := t.WatchedModel(ctx, model)
	if errors.Is(err, store.ErrNotFound) {
		return store.WatchedModel{Name: model}, nil
	}
	return m, err
}

// above is the least number of two decimals that is greater than x.
func above(x float64) float64 { return math.Floor(x*100+1e-9)/100 + 0.01 }

// decimals writes a statistic with three decimals, or three digits where it is large.
func decimals(x float64) string {
	if math.Abs(x) >= 1000 {
		return strconv.FormatFloat(x, 'g', 4, 64)
	}
	return strconv.FormatFloat(x, 'f', 3, 64)
}

// short writes a limit as a person would.
func short(x float64) string { return strconv.FormatFloat(x, 'g', 4, 64) }

// percent writes a share.
func percent(x float64) string {
	if x > 0 && x < 0.0005 {
		return "< 0.1 %"
	}
	if x > 0 && x < 0.1 {
		return strconv.FormatFloat(100*x, 'f', 1, 64) + " %"
	}
	return strconv.FormatFloat(100*x, 'f', 0, 64) + " %"
}
