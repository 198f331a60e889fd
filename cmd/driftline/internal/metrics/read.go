package metrics

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/drift/performance/cohort"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/wire"
)

// snapshot is one reading of the database.
type snapshot struct {
	atMS    int64
	tookMS  int64
	err     error
	models  []modelRead
	states  map[string]int  // watched models by state
	paused  map[string]bool // by model
	sources []store.SourceRow
	records map[string]map[string]int64 // by topic and result
	retrainRead
	oldestMS int64 // of the events that wait to be published; 0: none waits
}

// retrainRead is what is read of the retrains.
type retrainRead struct {
	retrainsMS int64 // when
	retrains   []store.Retrain
	promoted   map[string]bool // by id: was promoted at some time
}

// modelRead is what is read of one watched model.
type modelRead struct {
	name        string
	champion    string
	windows     []windowRead
	falling     []store.AlarmRow       // its performance alarms that are firing
	beside      []store.AlarmRow       // others that are firing and stand in no window below: of a check, or before there is a reference
	segments    []segmentRead          // declared parts of its traffic, by window
	warning     *store.AlarmRow        // its newest early warning; nil: none is kept
	stands      bool                   // at the newest window
	performance []store.PerformanceDay // of the champion, the newest days
	mature      *cohort.Report         // its newest report with labels; nil: none
	awaited     *cohort.Report         // … of a later day, without; nil: none
}

// windowRead is the newest final window of one length.
type windowRead struct {
	row   store.ScoreRow
	score wire.Score                  // of row
	alarm wire.Score                  // the newest score in which alarms were stepped
	fires map[string][]store.AlarmRow // open episodes on this window, by kind of alarm
	early *store.ScoreRow             // a newer provisional score; nil: none

	answers *answersRead // compared with the same reference; nil: none
}

// performanceDays is the window of the performance alarm.
const performanceDays = 7

// retrainsFor is how long a reading of the retrains is kept.
const retrainsFor = 30 * time.Second

// maxSilences bounds the silences that are looked at.
const maxSilences = 10_000

// maxFiring bounds the alarms that fire of one model: every part of the traffic may have one
// in every window.
const maxFiring = 10_000

// maxRetrains bounds the rows read for the counts by outcome.
const maxRetrains = 10_000

// look returns a snapshot that is at most CacheFor old. The caller holds m.mu.
func (m *Metrics) look() *snapshot {
	if m.cached != nil && m.cfg.NowMS()-m.cached.atMS < CacheFor.Milliseconds() {
		return m.cached
	}
	// A scrape carries no context; the reading ends by itself.
	ctx, cancel := context.WithTimeout(context.Background(), ReadTimeout)
	defer cancel()
	began := m.cfg.NowMS()
	s := &snapshot{states: map[string]int{}, paused: map[string]bool{}}
	s.err = m.cfg.Store.Read(ctx, func(t *store.Tx) error { return m.read(ctx, t, s) })
	if s.err != nil {
		m.failed(fmt.Errorf("metrics: read the database: %w", s.err))
	}
	s.atMS = m.cfg.NowMS()
	s.tookMS = max(0, s.atMS-began)
	m.cached = s
	return s
}

func (m *Metrics) read(ctx context.Context, t *store.Tx, s *snapshot) error {
	watched, err := t.WatchedModels(ctx)
	if err != nil {
		return err
	}
	champions, err := t.Champions(ctx)
	if err != nil {
		return err
	}
	serving := map[string]string{}
	for _, c := range champions {
		serving[c.Model] = c.Version
	}
	silences, err := t.Silences(ctx, store.SilenceQuery{ActiveMS: m.cfg.NowMS(), Limit: maxSilences})
	if err != nil {
		return err
	}
	for _, w := range watched {
		s.states[w.State]++
		s.paused[w.Name] = w.PausedMS != 0
		r := modelRead{name: w.Name, champion: serving[w.Name]}
		if err := m.readModel(ctx, t, &r, silences); err != nil {
			return fmt.Errorf("model %q: %w", w.Name, err)
		}
		s.models = append(s.models, r)
	}
	m.knowAll(watched)
	if s.sources, err = m.sources(ctx, t); err != nil {
		return err
	}
	if s.records, err = m.tally.read(ctx, t, m.topics(), s.sources); err != nil {
		return err
	}
	if err := m.readRetrains(ctx, t, s); err != nil {
		return err
	}
	waiting, err := t.PendingOutbox(ctx, 1)
	if err == nil && len(waiting) > 0 {
		s.oldestMS = waiting[0].CreatedMS
	}
	return err
}

// readRetrains reads the retrains, more seldom than the rest: they are many in the
// long run and change by the minute at most.
func (m *Metrics) readRetrains(ctx context.Context, t *store.Tx, s *snapshot) error {
	now := m.cfg.NowMS()
	if c := m.cached; c != nil && c.err == nil && now-c.retrainsMS < retrainsFor.Milliseconds() {
		s.retrainRead = c.retrainRead
		return nil
	}
	all, err := t.Retrains(ctx, store.RetrainQuery{Limit: maxRetrains})
	if err != nil {
		return err
	}
	promoted, err := t.Retrains(ctx, store.RetrainQuery{Limit: maxRetrains, Reached: store.RetrainPromoted})
	if err != nil {
		return err
	}
	s.retrainRead = retrainRead{retrainsMS: now, retrains: all, promoted: map[string]bool{}}
	for _, r := range promoted {
		s.promoted[r.ID] = true
	}
	return nil
}

func (m *Metrics) knowAll(watched []store.WatchedModel) {
	names := make([]string, len(watched))
	for i, w := range watched {
		names[i] = w.Name
	}
	m.Know(names...)
}

func (m *Metrics) topics() []string {
	var out []string
	for _, in := range m.cfg.Layout.Inputs {
		out = append(out, in.Topic)
	}
	return out
}

// sources returns the partitions of the layout's topics as they are now; rows of a
// topic that was deleted and made again stay in the database.
func (m *Metrics) sources(ctx context.Context, t *store.Tx) ([]store.SourceRow, error) {
	rows, err := t.Sources(ctx)
	var out []store.SourceRow
	for _, r := range rows {
		for _, in := range m.cfg.Layout.Inputs {
			if r.Topic == in.Topic && r.Incarnation == in.Incarnation {
				out = append(out, r)
			}
		}
	}
	return out, err
}

func (m *Metrics) readModel(ctx context.Context, t *store.Tx, r *modelRead, silences []store.Silence) error {
	latest, err := t.LatestScores(ctx, r.name)
	if err != nil {
		return err
	}
	firing, err := t.Alarms(ctx, store.AlarmQuery{Model: r.name, Phase: "firing", Limit: maxFiring})
	if err != nil {
		return err
	}
	store.Mute(firing, silences, m.cfg.NowMS())
	open, ofParts := byTraffic(firing)
	for _, a := range open {
		if a.Kind == "performance" {
			r.falling = append(r.falling, a)
		}
	}
	for _, length := range m.cfg.Layout.WindowsMS {
		row, ok := newest(latest, length)
		if !ok {
			continue
		}
		w := windowRead{row: row, fires: map[string][]store.AlarmRow{}}
		for _, a := range open {
			if a.WindowMS == length {
				w.fires[a.Kind] = append(w.fires[a.Kind], a)
			}
		}
		w.score = m.decode(row)
		if w.alarm, err = m.stepped(ctx, t, w.score); err != nil {
			return err
		}
		if w.answers, err = m.readAnswers(ctx, t, latest, &w); err != nil {
			return err
		}
		early, err := t.Scores(ctx, store.ScoreQuery{Model: r.name, Version: wire.AnyVersion, WindowMS: length, FromMS: row.EndMS, Newest: true, NoBody: true, Limit: 1})
		if err != nil {
			return err
		}
		if len(early) > 0 && early[0].Provisional {
			w.early = &early[0]
		}
		r.windows = append(r.windows, w)
	}
	r.beside = slices.DeleteFunc(slices.Clone(open), func(a store.AlarmRow) bool {
		return a.Kind == "performance" || slices.ContainsFunc(r.windows, func(w windowRead) bool { return w.row.WindowMS == a.WindowMS && w.row.Reference != "" })
	})
	if err := m.readSegments(ctx, t, r, ofParts); err != nil {
		return err
	}
	if err := m.readWarning(ctx, t, r, silences); err != nil {
		return err
	}
	if r.champion == "" {
		return nil
	}
	days, err := t.PerformanceDays(ctx, store.PerformanceQuery{Model: r.name, Version: r.champion})
	if err != nil {
		return err
	}
	r.performance = lastDays(days)
	return m.readReports(ctx, t, r)
}

// readWarning finds the newest early warning, and whether it stands still at the newest
// window.
func (m *Metrics) readWarning(ctx context.Context, t *store.Tx, r *modelRead, silences []store.Silence) error {
	rows, err := t.Warnings(ctx, store.AlarmQuery{Model: r.name, Limit: 1})
	if err != nil || len(rows) == 0 {
		return err
	}
	store.Mute(rows, silences, m.cfg.NowMS())
	end := int64(0)
	for _, w := range r.windows {
		end = max(end, w.row.EndMS)
	}
	r.warning, r.stands = &rows[0], rows[0].Stands(end)
	return nil
}

// newest returns the newest score over all versions of one window length; where two
// end together, the one with a reference.
func newest(rows []store.ScoreRow, windowMS int64) (best store.ScoreRow, ok bool) {
	for _, r := range rows {
		if r.WindowMS != windowMS || r.Version != wire.AnyVersion {
			continue
		}
		if !ok || r.EndMS > best.EndMS || r.EndMS == best.EndMS && r.Reference > best.Reference {
			best, ok = r, true
		}
	}
	return best, ok
}

// stepped returns the newest score, not after s, at which alarms were stepped: they
// step more seldom than long windows move.
func (m *Metrics) stepped(ctx context.Context, t *store.Tx, s wire.Score) (wire.Score, error) {
	hop := drift.DefaultAlarm(s.WindowMS, m.cfg.Layout.Hop(s.WindowMS)).HopMS
	end := s.EndMS - s.EndMS%hop
	if len(s.Alarms) > 0 || end == s.EndMS || s.Reference == "" {
		return s, nil
	}
	rows, err := t.Scores(ctx, store.ScoreQuery{
		Model: s.Model, Version: s.Version, Reference: s.Reference, WindowMS: s.WindowMS, FromMS: end - 1, ToMS: end, FinalOnly: true, Limit: 1,
	})
	if err != nil || len(rows) == 0 {
		return wire.Score{}, err
	}
	return m.decode(rows[0]), nil
}

// decode reads a score's body; one that cannot be read leaves the model without
// details, not the process without metrics.
func (m *Metrics) decode(r store.ScoreRow) wire.Score {
	s, err := wire.DecodeScore([]byte(r.Body))
	if err != nil {
		m.failed(fmt.Errorf("metrics: score of model %q, window %d ms, end %d: %w", r.Model, r.WindowMS, r.EndMS, err))
		return wire.Score{Model: r.Model, WindowMS: r.WindowMS, EndMS: r.EndMS}
	}
	return s
}

func (m *Metrics) failed(err error) {
	if m.cfg.Failed != nil {
		m.cfg.Failed(err)
	}
}

// lastDays keeps the days of the newest performanceDays calendar days.
func lastDays(days []store.PerformanceDay) []store.PerformanceDay {
	if len(days) == 0 {
		return nil
	}
	last, err := time.Parse(time.DateOnly, days[len(days)-1].Day)
	if err != nil {
		return nil // the store checks days; an unreadable one is no day
	}
	from := last.AddDate(0, 0, -performanceDays+1).Format(time.DateOnly)
	for len(days) > 0 && days[0].Day < from {
		days = days[1:]
	}
	return days
}
