package web

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/driftline/driftline/registry/store"
)

// status is how a model stands, most urgent first.
type status string

// The statuses.
const (
	statusQuality     status = "quality"
	statusPerformance status = "performance"
	statusDrift       status = "drift"
	statusStale       status = "stale"
	statusRising      status = "rising"
	statusLearning    status = "learning"
	statusEmpty       status = "empty"
	statusPaused      status = "paused"
	statusQuiet       status = "quiet"
)

// statusOrder sorts models; the words and shapes stand for the colours.
var statusOrder = []status{
	statusQuality, statusPerformance, statusDrift, statusStale, statusRising, statusLearning, statusEmpty, statusPaused, statusQuiet,
}

var statusWords = map[status]struct{ shape, word string }{
	statusQuality:     {"◆", "Bad data"},
	statusPerformance: {"▼", "Performance down"},
	statusDrift:       {"▲", "Drift"},
	statusStale:       {"◌", "Stale"},
	statusRising:      {"△", "Rising"},
	statusLearning:    {"□", "Learning"},
	statusEmpty:       {"○", "No data"},
	statusPaused:      {"‖", "Paused"},
	statusQuiet:       {"●", "Quiet"},
}

// Shape and Word show a status without colour.
func (s status) Shape() string { return statusWords[s].shape }

// Word is the status for people.
func (s status) Word() string { return statusWords[s].word }

// fleetData is what is read once for all models.
type fleetData struct {
	champions map[string]store.Champion
	firing    map[string][]store.AlarmRow
	silences  map[string][]store.Silence // in force
}

// maxFiring bounds the alarms read for lists.
const maxFiring = 10_000

func readFleet(ctx context.Context, t *store.Tx, nowMS int64) (f fleetData, err error) {
	champions, err := t.Champions(ctx)
	if err != nil {
		return f, err
	}
	f = fleetData{champions: map[string]store.Champion{}, firing: map[string][]store.AlarmRow{}, silences: map[string][]store.Silence{}}
	for _, c := range champions {
		f.champions[c.Model] = c
	}
	firing, err := firingAlarms(ctx, t)
	if err != nil {
		return f, err
	}
	silences, err := t.Silences(ctx, store.SilenceQuery{ActiveMS: nowMS, Limit: maxFiring})
	store.Mute(firing, silences, nowMS)
	for _, x := range silences {
		f.silences[x.Model] = append(f.silences[x.Model], x)
	}
	for _, a := range firing {
		f.firing[a.Model] = append(f.firing[a.Model], a)
	}
	return f, err
}

// firingAlarms are the open alarms of all models, newest first. However many parts of the
// traffic have, they take the room of none of all of it.
func firingAlarms(ctx context.Context, t *store.Tx) ([]store.AlarmRow, error) {
	whole, err := t.Alarms(ctx, store.AlarmQuery{Phase: "firing", Whole: true, Limit: maxFiring})
	if err != nil {
		return nil, err
	}
	parts, err := t.Alarms(ctx, store.AlarmQuery{Phase: "firing", Segment: store.AnySegment, Limit: maxFiring})
	all := append(whole, parts...)
	slices.SortStableFunc(all, func(a, b store.AlarmRow) int {
		return cmp.Or(cmp.Compare(b.SinceMS, a.SinceMS), cmp.Compare(a.Episode, b.Episode))
	})
	return all, err
}

// modelNow is a model with what was read to sum it up.
type modelNow struct {
	ModelSummary
	latest   []store.ScoreRow // newest final score per version, reference and window
	main     *store.ScoreRow  // the one whose figures are shown, nil for none
	open     []store.AlarmRow
	silences []store.Silence // in force
	last     *store.Retrain
	warning  *store.AlarmRow // an early warning that stands, nil for none
	stale    bool
	pending  bool
}

func (f *fleetData) model(ctx context.Context, t *store.Tx, w store.WatchedModel) (m modelNow, err error) {
	m.Name, m.State, m.Automation, m.UpdatedMS = w.Name, w.State, w.Automation, w.UpdatedMS
	m.PausedBy, m.PausedReason, m.PausedMS = w.PausedBy, w.PausedReason, w.PausedMS
	m.Champion, m.open, m.silences = f.champions[w.Name].Version, f.firing[w.Name], f.silences[w.Name]
	m.Alarms = len(m.open)
	for _, a := range m.open {
		if a.SilencedUntilMS > 0 {
			m.Silenced++
		}
	}
	if m.latest, err = t.LatestScores(ctx, w.Name); err != nil {
		return m, err
	}
	m.main = mainScore(m.latest)
	if r := m.main; r != nil {
		m.WindowMS, m.EndMS, m.MaxPSI, m.MaxFeature = r.WindowMS, r.EndMS, r.MaxPSI, r.MaxFeature
		m.Drifted, m.Judged, m.Total = r.Drifted, r.Judged, r.Total
	}
	if err := m.readAlarms(); err != nil {
		return m, err
	}
	if err := m.readWarning(ctx, t); err != nil {
		return m, err
	}
	if err := m.readMissing(w); err != nil {
		return m, err
	}
	if err := m.readAccuracy(ctx, t); err != nil {
		return m, err
	}
	retrains, err := t.Retrains(ctx, store.RetrainQuery{Model: w.Name, Limit: 1})
	if err != nil {
		return m, err
	}
	if len(retrains) > 0 {
		m.last = &retrains[0]
		m.Retrain = m.last.State
	}
	m.Status = string(m.status())
	return m, nil
}

// mainScore picks, of the newest scores over all versions, the newest of the longest
// window that was judged, else of the longest.
func mainScore(latest []store.ScoreRow) (best *store.ScoreRow) {
	for i := range latest {
		r := &latest[i]
		if r.Version != anyVersion {
			continue
		}
		if best == nil || cmp.Or(
			cmp.Compare(min(r.Judged, 1), min(best.Judged, 1)), cmp.Compare(r.WindowMS, best.WindowMS), cmp.Compare(r.EndMS, best.EndMS),
		) > 0 {
			best = r
		}
	}
	return best
}

// anyVersion is the version of scores over all versions of a model.
const anyVersion = "*"

// readAlarms looks for flags of alarms in the newest scores of each window.
func (m *modelNow) readAlarms() error {
	newest := map[int64]*store.ScoreRow{}
	for i := range m.latest {
		r := &m.latest[i]
		if old := newest[r.WindowMS]; r.Version == anyVersion && (old == nil || r.EndMS > old.EndMS) {
			newest[r.WindowMS] = r
		}
	}
	for _, r := range newest {
		b, err := parseScore(r.Body)
		if err != nil {
			return err
		}
		for _, a := range b.Alarms {
			m.stale = m.stale || a.Stale
			m.pending = m.pending || a.Phase == "pending"
		}
	}
	return nil
}

// accuracyDays is how far back "accuracy now" looks.
const accuracyDays = 7

// readAccuracy sums up the last days that have labels.
func (m *modelNow) readAccuracy(ctx context.Context, t *store.Tx) error {
	if m.EndMS == 0 {
		return nil
	}
	// Labels come late: look two months back for the last days that have some.
	from := time.UnixMilli(m.EndMS - 60*dayMS).UTC().Format(time.DateOnly)
	days, err := t.PerformanceDays(ctx, store.PerformanceQuery{Model: m.Name, From: from})
	if err != nil {
		return err
	}
	var classed, correct int64
	last := ""
	for _, d := range slices.Backward(days) {
		if d.Classed == 0 {
			continue
		}
		if last == "" {
			last = dayBefore(d.Day, accuracyDays)
		}
		if d.Day <= last {
			break
		}
		classed, correct = classed+d.Classed, correct+d.Correct
	}
	if classed > 0 {
		x := float64(correct) / float64(classed)
		m.Accuracy, m.Labelled = &x, classed
	}
	return nil
}

// dayBefore is the day n days before day; day itself where it cannot be read.
func dayBefore(day string, n int) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return t.AddDate(0, 0, -n).Format(time.DateOnly)
}

func (m *modelNow) status() status {
	kinds := map[string]bool{}
	for _, a := range m.open {
		kinds[a.Kind] = true
	}
	switch {
	case kinds["quality"]:
		return statusQuality
	case kinds["performance"]:
		return statusPerformance
	case kinds["drift"], kinds["joint"], kinds[kindPrediction]:
		return statusDrift
	case m.stale:
		return statusStale
	case m.pending, m.warning != nil:
		return statusRising
	case m.State == "paused": // judging goes on: what it finds comes first, a mark tells the rest
		return statusPaused
	case m.main == nil:
		return statusEmpty
	case m.State == "learning" || m.main.Judged == 0:
		return statusLearning
	}
	return statusQuiet
}

// fleet sums up all watched models, most urgent first.
func (s *server) fleet(ctx context.Context) (out []ModelSummary, err error) {
	all, err := s.fleetNow(ctx)
	for _, m := range all {
		out = append(out, m.ModelSummary)
	}
	return out, err
}

func (s *server) fleetNow(ctx context.Context) (out []modelNow, err error) {
	err = s.Store.Read(ctx, func(t *store.Tx) error {
		models, err := t.WatchedModels(ctx)
		if err != nil {
			return err
		}
		f, err := readFleet(ctx, t, s.NowMS())
		if err != nil {
			return err
		}
		out = make([]modelNow, len(models))
		for i, w := range models {
			if out[i], err = f.model(ctx, t, w); err != nil {
				return err
			}
		}
		return nil
	})
	slices.SortStableFunc(out, func(a, b modelNow) int {
		rank := func(m modelNow) int { return slices.Index(statusOrder, status(m.Status)) }
		psi := func(m modelNow) float64 {
			if m.MaxPSI == nil {
				return -1
			}
			return *m.MaxPSI
		}
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(psi(b), psi(a)), cmp.Compare(a.Name, b.Name))
	})
	return out, err
}
