package evaluate

import (
	"math"
	"slices"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/wire"
)

// judgement is one window of a model compared with its reference.
type judgement struct {
	window   *window
	policy   wire.Policy
	in       *installed
	against  standing
	cfg      drift.AlarmConfig
	judges   []*drift.Judger // by feature
	counts   *sketches.Counts
	results  []drift.FeatureResult
	score    wire.Score
	bad      []string // features beyond a limit of the policy's quality rules
	critical bool     // a critical feature drifted
	weighed  float64  // part of all weight that was judged, where features weigh
	isHop    bool
	answers  bool // of a version are compared, not inputs
}

// judge computes the windows of a model that end with the pane, steps its alarms and
// writes scores and events. stepped says that an alarm's state may have changed.
func (f *Fold) judge(m *model, pane int64, out *output) (stepped bool, err error) {
	in := m.reference(pane)
	m.follow(in)
	policy := m.policy(pane, f.cfg.Policy)
	if err := f.see(m, pane); err != nil {
		return false, err
	}
	stepped = f.supersede(m, in, pane, policy, out)
	stepped = f.remember(m, in, policy, pane) || stepped
	var hops, moving []*judgement
	var learning []wire.Score
	for _, length := range f.cfg.Layout.WindowsMS {
		if !watches(policy, length) {
			continue
		}
		if f.end(pane)%f.cfg.Layout.Hop(length) != 0 {
			continue
		}
		w, err := f.window(m, pane, length)
		if err != nil {
			return stepped, err
		}
		w.covered = w.cover.Expected > 0 && float64(w.cover.Covered) >= policy.MinCoverage*float64(w.cover.Expected)
		answers := m.predictions(in, w)
		if in == nil {
			f.tell(m, answers, out)
			if s, ok := m.learning(w); ok {
				learning = append(learning, s)
			}
			continue
		}
		j, err := f.compare(m, in, w, policy)
		if err != nil {
			return stepped, err
		}
		hops = append(hops, j)
		a, others := f.compareAnswers(m, in, j, answers)
		f.tell(m, others, out)
		moving = append(moving, f.apart(m, in, j, a)...)
		more, err := f.beside(m, in, j, policy)
		if err != nil {
			return stepped, err
		}
		moving = append(moving, more...)
	}
	for i, j := range hops {
		if j.isHop {
			f.stepQuality(m, j, out)
			f.stepChecks(m, j, i == 0, out)
			stepped = true
		}
	}
	if err := f.judgeEarly(m, pane, hops, out); err != nil {
		return stepped, err
	}
	if err := f.teach(m, pane, policy, shortest(hops, learning), out); err != nil {
		return stepped, err
	}
	for _, s := range learning {
		out.scores = append(out.scores, f.output(f.cfg.Topics.Scores, m.name, s.Encode()))
	}
	open, all := m.qualityOpen(), slices.Concat(hops, moving)
	for _, j := range all {
		switch {
		case !j.isHop:
		case j.answers:
			f.stepAnswers(m, j, open, out)
		default:
			f.stepDrift(m, j, open, out)
			f.stepJoint(m, j, open, out)
		}
	}
	stepped = f.recall(m, policy, pane, hops, out) || stepped
	for _, j := range all {
		if j.isHop || j.score.Rows > 0 || j.score.Early != nil || j.score.Cadence != nil { // a replay looks for these
			out.scores = append(out.scores, f.output(f.cfg.Topics.Scores, m.name, j.score.Encode()))
		}
	}
	for _, j := range hops {
		if err := m.learn(in, j.window); err != nil {
			return stepped, err
		}
	}
	return stepped, nil
}

// shortest is the score of the shortest window that ends with a pane, in which a replay
// looks for states; nil without any.
func shortest(hops []*judgement, learning []wire.Score) *wire.Score {
	switch {
	case len(hops) > 0:
		return &hops[0].score
	case len(learning) > 0:
		return &learning[0]
	}
	return nil
}

// watches reports whether the policy looks at windows of the length.
func watches(p wire.Policy, windowMS int64) bool {
	return len(p.WindowsMS) == 0 || slices.Contains(p.WindowsMS, windowMS)
}

func (f *Fold) output(topic, model string, value []byte) log.Record {
	return log.Record{Partition: log.Partition{Topic: topic, Index: f.cfg.Partition}, TimeMS: log.StampNow, Key: []byte(model), Value: value}
}

// learning says how many rows a window of a model without reference holds; false for none.
func (m *model) learning(w *window) (s wire.Score, ok bool) {
	rows := w.sum.rows()
	covered, expected := w.coverageShare()
	return wire.Score{
		Model: m.name, Version: wire.AnyVersion, WindowMS: w.lengthMS, EndMS: w.endMS, State: wire.StateLearning,
		Rows: rows, Covered: covered, Expected: expected, Provisional: w.provisional,
	}, rows > 0
}

// tell writes scores as they are.
func (f *Fold) tell(m *model, scores []wire.Score, out *output) {
	for i := range scores {
		out.scores = append(out.scores, f.output(f.cfg.Topics.Scores, m.name, scores[i].Encode()))
	}
}

// predictions says what each version answered in the window.
func (m *model) predictions(in *installed, w *window) (all []wire.Score) {
	covered, expected := w.coverageShare()
	for _, version := range w.sum.versions() {
		sc := w.sum.entries[key{version: version}].scores
		p := wire.Predictions{Rows: sc.Rows}
		mean, n := sc.Mean()
		p.Scored, p.MeanScore = n, nano(mean)
		classes := map[string]uint64{}
		for i := range len(sc.Classes) + 1 {
			name := "other"
			if i < len(sc.Classes) {
				name = sc.Classes[i]
			}
			total := sum(sc.Row(i))
			null, nan, outside := sc.Beside(i)
			if total += null + nan + outside; total > 0 {
				classes[name] += total
			}
		}
		p.Classes = classes
		s := wire.Score{
			Model: m.name, Version: version, WindowMS: w.lengthMS, EndMS: w.endMS, State: wire.StateLearning,
			Rows: sc.Rows, Covered: covered, Expected: expected, Provisional: w.provisional, Predictions: &p,
		}
		if in != nil {
			s.Reference, s.State = in.hex, wire.StateJudged
		}
		all = append(all, s)
	}
	return all
}

func sum(xs []uint64) (n uint64) {
	for _, x := range xs {
		n += x
	}
	return n
}

// compare judges every feature of the window.
func (f *Fold) compare(m *model, in *installed, w *window, policy wire.Policy) (*judgement, error) {
	w.counts = w.sum.on(in.ref.Counts.Grid.ID())
	w.fill(max(f.first, in.grid.FromPane), f.cfg.Layout.PaneMS)
	j := &judgement{window: w, policy: policy, in: in, against: in.standing(), cfg: f.alarmConfig(w.lengthMS, policy)}
	j.isHop = j.cfg.IsHop(w.endMS)
	counts := w.countsOn(in)
	covered, expected := w.coverageShare()
	j.score = wire.Score{
		Model: m.name, Version: wire.AnyVersion, WindowMS: w.lengthMS, EndMS: w.endMS, State: wire.StateJudged,
		Rows: counts.Rows, Covered: covered, Expected: expected, Provisional: w.provisional,
	}
	j.against.say(&j.score)
	if counts.Rows == 0 {
		j.score.State = wire.StateEmpty
	}
	j.measure(counts, f.judgesOf(m, j))
	var err error
	j.score.Joint, err = in.judgeJoint(w, counts.Rows, policy)
	return j, err
}

// countsOn returns the window's counts on the reference's grid.
func (w *window) countsOn(in *installed) *sketches.Counts {
	if w.counts == nil {
		return sketches.NewCounts(in.ref.Counts.Grid)
	}
	return w.counts
}

// judgesOf are the judges of a window against the model's own reference, or a part of it.
func (f *Fold) judgesOf(m *model, j *judgement) []*drift.Judger {
	in, w := j.in, j.window
	s := settings(j.policy, in.whole().decisions(j.policy), j.cfg.HopMS, in.warnsEarly(j.policy))
	return in.judges(m, w.lengthMS, f.cfg.Layout.WindowsMS, s, &f.scratch)
}

// measure compares the features of a window, each by itself.
func (j *judgement) measure(counts *sketches.Counts, judges []*drift.Judger) {
	j.judges, j.counts = judges, counts
	j.results = make([]drift.FeatureResult, len(counts.Features))
	for i := range counts.Features {
		j.results[i] = judges[i].Judge(&counts.Features[i])
	}
}

// conclude fills the score from the features' results; how good the data of a window is, is
// held against the model's own reference.
func (j *judgement) conclude() {
	policy, counts, reference := j.policy, j.counts, j.in.ref.Counts
	j.score.Features = make([]wire.FeatureScore, len(counts.Features))
	shared := make([]drift.FeatureResult, 0, len(j.results))
	for i, r := range j.results {
		ref, cur := &reference.Features[i], &counts.Features[i]
		j.score.Features[i] = featureScore(r)
		if !slices.Contains(policy.Ignore, r.Name) {
			shared = append(shared, r)
		}
		if r.Verdict == drift.Drifted && slices.Contains(policy.Critical, r.Name) {
			j.critical = true
		}
		if badQuality(ref, cur, r, policy.Quality) {
			j.bad = append(j.bad, r.Name)
		}
	}
	j.score.Drifted, j.score.Judged, j.score.All = drift.Share(shared)
	if a := j.alpha(); a > 0 {
		j.score.Alpha = nano(a)
	}
	if share, weighed, ok := weigh(shared, policy); ok {
		j.score.ShareImportance, j.weighed = nano(share), weighed
	}
	if !j.window.full {
		j.score.Filled = nano(j.window.filled)
	}
	if worst, ok := j.score.Worst(); ok && j.score.Predictions != nil {
		j.score.Predictions.PSI = worst.PSI
	}
	j.reading(counts)
}

// badQuality reports whether a feature's share of missing, out-of-range, unseen or
// wrongly typed values rose over the reference's by more than the policy allows, and by
// more than the window's rows say by chance.
func badQuality(ref, cur *sketches.FeatureCounts, r drift.FeatureResult, q wire.Quality) bool {
	rose := func(now, then, limit float64, n uint64) bool {
		return limit > 0 && now-then > limit && drift.AboveLimit(uint64(math.Round(now*float64(n))), n, then+limit, r.DesignEffect)
	}
	all := cur.Total() + cur.Sides()
	return rose(share(cur, cur.Null+cur.NaN+cur.PosInf+cur.NegInf), share(ref, ref.Null+ref.NaN+ref.PosInf+ref.NegInf), q.NullRate, all) ||
		rose(share(cur, cur.Wrong), share(ref, ref.Wrong), q.WrongType, all) ||
		rose(r.OutOfRange, r.OutOfRangeRef, q.OutOfRange, r.M) ||
		rose(r.Unseen, r.UnseenRef, q.Unseen, all)
}

// share is k among all records of the feature, 0 where there are none.
func share(c *sketches.FeatureCounts, k uint64) float64 {
	all := c.Total() + c.Sides()
	if all == 0 {
		return 0
	}
	return float64(k) / float64(all)
}

func (f *Fold) alarmConfig(windowMS int64, p wire.Policy) drift.AlarmConfig {
	return f.alarmConfigAt(windowMS, f.cfg.Layout.Hop(windowMS), p)
}

// alarmConfigAt is alarmConfig for an alarm that steps at multiples of a hop.
func (f *Fold) alarmConfigAt(windowMS, hopMS int64, p wire.Policy) drift.AlarmConfig {
	c := drift.DefaultAlarm(windowMS, hopMS)
	c.Fire, c.Resolve, c.Coverage, c.MinRows = p.ShareFire, p.ShareResolve, p.MinCoverage, p.MinRows
	c.Judged, c.Filled, c.Steps = p.MinJudged, p.WarmUp, p.Steps
	hops := func(windows float64) int { return max(1, int(math.Ceil(windows*float64(windowMS)/float64(c.HopMS)))) }
	c.K, c.M = hops(p.FireAfter), hops(p.ResolveAfter)
	c.RetriggerMS = max(1, int64(p.Retrigger*float64(windowMS)))
	return c
}

func (w *window) coverage() float64 {
	if w.cover.Expected == 0 {
		return 0
	}
	return float64(w.cover.Covered) / float64(w.cover.Expected)
}

// nano gives int64 nano-units, nil for what is not a finite number.
func nano(x float64) *int64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	n := drift.Nano(x)
	return &n
}

func featureScore(r drift.FeatureResult) wire.FeatureScore {
	s := wire.FeatureScore{
		Name: r.Name, Kind: r.Kind.String(), N: r.N, M: r.M,
		Null: nano(r.NullRate), Outside: nano(r.OutOfRange), Unseen: nano(r.Unseen),
		Verdict: r.Verdict.String(), Warned: r.Warned, Rule: r.Rule, Reason: r.Reason, Bins: r.Bins, Blocks: r.BlockCount,
	}
	if r.Dependence != drift.AssumedNone {
		s.Dependence = r.Dependence.String()
	}
	if r.N == 0 || r.M == 0 {
		return s
	}
	s.PSI, s.PSIDebiased = nano(r.PSI), nano(r.PSIDebiased)
	s.KSLow, s.KSHigh = nano(r.KSLow), nano(r.KSHigh)
	s.JS, s.Hellinger, s.TVD, s.LInf = nano(r.JS), nano(r.Hellinger), nano(r.TVD), nano(r.Linf)
	s.NEff, s.DesignEffect = nano(r.NEff), nano(r.DesignEffect)
	if r.HasLower {
		s.PSILower = nano(r.PSILower)
	}
	if r.Kind == sketches.Categorical {
		s.Chi2, s.KSLow, s.KSHigh = nano(r.Chi2), nil, nil
	}
	if r.Warned {
		s.Top = cellsOf(r.Top)
	}
	return s
}
