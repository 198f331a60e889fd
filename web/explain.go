package web

import (
	"context"
	"math"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/registry/store"
)

// Explanation says why an alarm fired, what would have kept it silent and what was
// done, in words and figures.
type Explanation struct {
	ID        string    `json:"id"`
	Text      string    `json:"text" doc:"All of it in a few sentences."`
	Why       string    `json:"why"`
	Most      string    `json:"most,omitempty" doc:"The part that contributes most."`
	Silent    string    `json:"silent,omitempty" doc:"What would have kept the alarm silent."`
	Done      []string  `json:"done" nullable:"false" doc:"What was done about it."`
	Model     string    `json:"model"`
	Version   string    `json:"version"`
	Kind      string    `json:"kind"`
	State     string    `json:"state"`
	Segment   string    `json:"segment" doc:"Part of the traffic that it is about, such as region=eu; empty for all of it."`
	Policy    string    `json:"policy"`
	Rule      string    `json:"rule"`
	Reference string    `json:"reference"`
	RefKind   string    `json:"reference_kind" doc:"Where it came from; trailing and seasonal ones move along. Empty in events of older versions."`
	WindowMS  int64     `json:"window_ms"`
	StartMS   int64     `json:"start_ms" doc:"Of the window in which it fired."`
	EndMS     int64     `json:"end_ms"`
	Rows      int64     `json:"n_current"`
	RefRows   int64     `json:"n_reference"`
	Coverage  *Number   `json:"coverage"`
	Drifted   int       `json:"drifted"`
	Judged    int       `json:"judged"`
	Total     int       `json:"total"`
	Share     float64   `json:"share"`
	Limit     float64   `json:"share_limit"`
	Threshold float64   `json:"threshold" doc:"Of the statistic of one feature."`
	Hops      int       `json:"windows_in_a_row" doc:"Needed to fire."`
	Run       int       `json:"run" doc:"Windows in a row that were over the limit; 0 where it cannot be told."`
	Features  []Feature `json:"features" nullable:"false" doc:"Largest PSI first."`
	Joint     *Joint    `json:"joint,omitempty" doc:"Of all features together: the evidence of an alarm of kind joint."`

	Incident        string       `json:"incident" doc:"Alarms of a model whose times overlap share it."`
	Alpha           *Number      `json:"alpha" doc:"Chance of a false verdict per decision; null under the classic rule and where it is not known."`
	FalseAlarms     *Number      `json:"false_alarms" doc:"Per model and month: the budget that alpha comes from."`
	Multiplicity    string       `json:"multiplicity,omitempty" doc:"bh where the features of a hop were judged together."`
	ShareBy         string       `json:"share_by,omitempty" doc:"importance where that share decides."`
	ShareImportance *Number      `json:"share_importance" doc:"Share drifted where features weigh what the policy says; null without weights."`
	Evidence        []Fact       `json:"evidence" nullable:"false" doc:"Statistic, sample, threshold and where it comes from, window, reference, and what else was known, each as a name and a sentence."`
	Others          []OtherRule  `json:"other_rules" nullable:"false" doc:"What other rules, thresholds and windows said at the time."`
	Definitions     []Definition `json:"definitions" nullable:"false" doc:"What the statistics of the features are."`
}

// checkPolicy is the policy of alarms that a check of rows told: no score of a window
// belongs to them.
const checkPolicy = "check"

// explainEvents bounds the events read for one alarm.
const explainEvents = 1000

// Explain tells why an alarm fired, from what is stored.
//
// Errors: store.ErrNotFound for an unknown alarm.
func Explain(ctx context.Context, st *store.Store, alarmID string) (e Explanation, err error) {
	err = st.Read(ctx, func(t *store.Tx) error {
		e, err = explain(ctx, t, alarmID, 0)
		return err
	})
	return e, err
}

// story is what an explanation is told from.
type story struct {
	alarm    store.AlarmRow
	first    *eventData // of the event that opened the alarm, nil where it is gone
	last     *eventData // of the newest event
	features []featureBody
	hasScore bool // the features are all of the window, not only the event's
	retrains []store.Retrain
	watched  store.WatchedModel
	run      int

	score     scoreBody              // of the window in which it fired, empty where it is gone
	incident  incident               // that it belongs to
	windows   []store.ScoreRow       // the newest final ones of other lengths at that time
	reference *store.ReferenceRow    // nil: no longer kept
	silences  []store.Silence        // in force, of its model and kind
	found     map[string]*Statistics // by feature, where asked for
}

func explain(ctx context.Context, t *store.Tx, id string, nowMS int64) (Explanation, error) {
	s, err := tell(ctx, t, id, nowMS)
	if err != nil {
		return Explanation{}, err
	}
	return s.explanation(), nil
}

// explanation puts the story in words and figures.
func (s *story) explanation() Explanation {
	a := s.alarm
	e := Explanation{
		ID: a.Episode, Model: a.Model, Version: a.Version, Kind: a.Kind, State: a.Phase, Segment: a.Segment, Policy: a.Policy, Reference: a.Reference, WindowMS: a.WindowMS,
		EndMS: a.SinceMS, StartMS: a.SinceMS - a.WindowMS, Share: a.Share, Run: s.run, Features: []Feature{}, Done: []string{},
	}
	if d := s.first; d != nil {
		e.Rule, e.Rows, e.RefRows, e.Drifted, e.Judged, e.Total, e.Share = d.Rule, d.Rows, d.ReferenceRows, d.Drifted, d.Judged, d.All, d.share()
		e.RefKind = d.ReferenceKind
		e.Limit, e.Threshold, e.Hops = d.ShareFire, d.Threshold, d.Hops
		if !sharesFeatures(&a) {
			e.Limit = 0 // of a share that this alarm does not have
		}
		if a.Check != "" {
			e.Threshold = 0 // that of PSI, which this alarm does not look at
		}
		e.Multiplicity, e.ShareBy, e.ShareImportance = d.Multiplicity, d.ShareBy, d.ShareImportance
		if d.Alpha > 0 {
			e.Alpha, e.FalseAlarms = &d.Alpha, &d.FalseAlarms
		}
		if d.Expected > 0 {
			c := float64(d.Covered) / float64(d.Expected)
			e.Coverage = &c
		}
	}
	e.Joint = s.joint()
	e.Features = append(e.Features, s.featuresTold()...)
	e.Incident, e.Evidence, e.Others, e.Definitions = s.incident.ID, s.evidence(), s.otherRules(), s.definitions()
	e.Why, e.Most, e.Silent, e.Done = s.why(), s.most(), s.silent(), append(e.Done, s.done()...)
	e.Text = e.text()
	return e
}

// sharesFeatures tells whether an alarm goes by a share of the features, each with a
// threshold.
func sharesFeatures(a *store.AlarmRow) bool {
	return judgesFeatures(a) || a.Kind == "quality" && a.Check == ""
}

// tell reads everything about an alarm. nowMS is the wall clock, of silences; 0: without.
func tell(ctx context.Context, t *store.Tx, id string, nowMS int64) (s story, err error) {
	if s.alarm, s.silences, err = silencedAlarm(ctx, t, id, nowMS); err != nil {
		return s, err
	}
	a := s.alarm
	events, err := eventsOf(ctx, t, id, explainEvents)
	if err != nil {
		return s, err
	}
	for i, row := range events {
		e, err := parseEvent(row.Body)
		if err != nil {
			return s, err
		}
		if i == 0 {
			s.first = &e.Data
		}
		s.last = &e.Data
	}
	if s.first != nil {
		s.features = s.first.Top
	}
	if judgesFeatures(&a) && a.Policy != checkPolicy {
		if err := s.readScore(ctx, t); err != nil {
			return s, err
		}
	}
	byContribution(s.features)
	if err := s.readAround(ctx, t, nowMS); err != nil {
		return s, err
	}
	if s.retrains, err = t.Retrains(ctx, store.RetrainQuery{Episode: id}); err != nil {
		return s, err
	}
	s.watched, err = watchedOrNone(ctx, t, a.Model)
	return s, err
}

// readScore finds the whole score of the window in which the alarm fired, and for
// how many windows in a row the share stayed over the limit.
func (s *story) readScore(ctx context.Context, t *store.Tx) error {
	a := s.alarm
	rows, err := t.Scores(ctx, store.ScoreQuery{Model: a.Model, Version: a.Version, Reference: a.Reference, WindowMS: a.WindowMS, FromMS: a.SinceMS - 1, ToMS: a.SinceMS, Limit: 1})
	if err != nil || len(rows) == 0 {
		return err
	}
	body := rows[0].Body
	if rows[0].Revision > 0 { // restated since: the alarm fired on what stood there then
		was, err := t.ScoreRevisions(ctx, rows[0])
		if err != nil {
			return err
		}
		if len(was) > 0 {
			body = was[0].Body
		}
	}
	b, err := parseScore(body)
	if err != nil {
		return err
	}
	if len(b.Features) > 0 {
		s.features, s.hasScore, s.score = b.Features, true, b
	}
	if s.first == nil || s.first.Hops == 0 {
		return nil
	}
	after, err := t.Scores(ctx, store.ScoreQuery{
		Model: a.Model, Version: a.Version, Reference: a.Reference, WindowMS: a.WindowMS, FromMS: a.SinceMS - 1, NoBody: true, FinalOnly: true, Limit: explainEvents,
	})
	s.run = runLength(after, a.WindowMS, s.first.Hops, s.first.ShareFire)
	return err
}

// runLength counts windows in a row over the limit, at the alarm's own hops: hops
// that made it fire and those after. 0 if the scores do not reach far enough.
func runLength(after []store.ScoreRow, windowMS int64, hops int, limit float64) int {
	if len(after) < 2 {
		return 0
	}
	slide := int64(math.MaxInt64)
	for i := 1; i < len(after); i++ {
		if d := after[i].EndMS - after[i-1].EndMS; d > 0 {
			slide = min(slide, d)
		}
	}
	if slide == math.MaxInt64 {
		return 0
	}
	cfg := drift.DefaultAlarm(windowMS, slide)
	next, run := after[0].EndMS+cfg.HopMS, hops
	for _, r := range after[1:] {
		switch {
		case r.EndMS < next:
			continue
		case r.EndMS > next:
			return 0 // a hop without a score
		case share(r.Drifted, r.Judged) < limit:
			return run
		}
		run, next = run+1, next+cfg.HopMS
	}
	return 0
}
