package store

import (
	"context"
	"encoding/json"
	"strings"
)

// EventRow is a drift event with what it says of its alarm's episode.
type EventRow struct {
	ID     string // hash of what happened: a repeat is the same event
	Type   string // CloudEvents type
	Model  string
	TimeMS int64  // event time
	Body   string // the event, JSON
	// Replayed: a replay says that this happened; live operation did not tell it.
	Replayed bool

	// Episode is "" for an event outside any episode; then the rest is not read.
	Episode   string
	Version   string // "*" = all versions
	Policy    string
	Reference string
	WindowMS  int64
	Kind      string // drift | quality | performance | joint | prediction
	Check     string // of kind quality: volume | freshness | schema; "" for the values
	Segment   string // the part of the traffic, such as region=eu; "" = all of it
	Phase     string // after the event: firing | resolved | superseded
	Level     int64  // step of the share reached
	Share     float64
	TopJSON   string // top features, JSON
	// Features are all that are behind the alarm; nil where not all are known.
	Features    []string
	QualityOpen bool
}

// AlarmRow is one episode of an alarm: what its events together say.
type AlarmRow struct {
	Episode     string
	Model       string
	Version     string
	Policy      string
	Reference   string
	WindowMS    int64
	Kind        string
	Check       string // see EventRow
	Segment     string // see EventRow
	Phase       string
	SinceMS     int64 // first event
	LastMS      int64 // last event
	ResolvedMS  int64 // 0 while it fires
	Level       int64 // highest reached
	Share       float64
	TopJSON     string
	Features    []string // behind it by its last event; nil where not all are known
	QualityOpen bool
	LastEvent   string
	AckBy       string // "" = nobody has acknowledged it
	AckMS       int64
	Notes       []AlarmNote // filled by Alarm, not by Alarms
	// SilencedUntilMS is up to when its notification is muted, 0 for not; filled by Mute.
	SilencedUntilMS int64
}

// Name is the kind as people read it: of a data-quality alarm with what it checks.
func (a AlarmRow) Name() string {
	if a.Check == "" {
		return a.Kind
	}
	return a.Kind + ": " + a.Check
}

// Label is the name with the part of the traffic that the alarm is about.
func (a AlarmRow) Label() string {
	if a.Segment == "" {
		return a.Name()
	}
	return a.Name() + " of " + a.Segment
}

// AlarmNote is what a person wrote to an alarm.
type AlarmNote struct {
	AtMS   int64
	Author string
	Text   string
}

const (
	phaseFiring = "firing"

	insertEventHead = "INSERT INTO drift_events (id, type, model, episode, time_ms, day, replayed, body) VALUES"
	// An event that a replay wrote first becomes live operation's own.
	insertEventTail = "ON CONFLICT (id) DO UPDATE SET replayed = 0, body = excluded.body WHERE drift_events.replayed > excluded.replayed"

	foldEpisodeHead = `INSERT INTO alarm_episodes (episode, model, version, policy, reference, window_ms, kind,
		phase, ended, since_ms, last_ms, last_event, level, share, top, features, quality_open, quality_check, segment) VALUES`
)

// foldEpisodeTail merges two foldings of parts of an episode's events; it is
// commutative, associative and idempotent.
var foldEpisodeTail = func() string {
	const newer = "(excluded.last_ms, excluded.ended, excluded.last_event) > (alarm_episodes.last_ms, alarm_episodes.ended, alarm_episodes.last_event)"
	pick := func(column, when string) string {
		return column + " = CASE WHEN " + when + " THEN excluded." + column + " ELSE alarm_episodes." + column + " END"
	}
	sets := []string{
		pick("since_ms", "excluded.since_ms < alarm_episodes.since_ms"),
		pick("level", "excluded.level > alarm_episodes.level"),
	}
	for _, c := range []string{"phase", "ended", "last_ms", "last_event", "share", "top", "features", "quality_open"} {
		sets = append(sets, pick(c, newer))
	}
	return "ON CONFLICT (episode) DO UPDATE SET " + strings.Join(sets, ", ")
}()

// PutEvents stores events and folds those of an episode into its row. Events may
// be repeated and come in any order. A replay's events touch no episode: what is open,
// who took it up and what blocks a retrain is live operation's alone.
func (t *Tx) PutEvents(ctx context.Context, events []EventRow) error {
	var episodes []AlarmRow
	unique := mergeRows(events, func(e *EventRow) string { return e.ID }, func(old, _ EventRow) EventRow { return old })
	args := make([][]any, len(unique))
	for i, e := range unique {
		day, err := dayOf(e.TimeMS)
		if err != nil {
			return err
		}
		args[i] = []any{e.ID, e.Type, e.Model, e.Episode, e.TimeMS, day, bit(e.Replayed), e.Body}
		if e.Episode == "" || e.Replayed {
			continue
		}
		if err := checkFinite("share of event "+e.ID, &e.Share); err != nil {
			return err
		}
		episodes = append(episodes, e.episode())
	}
	err := t.insertAll(ctx, insertEventHead, insertEventTail, args, func(i int) int { return len(unique[i].Body) })
	if err != nil {
		return err
	}
	episodes = mergeRows(episodes, func(a *AlarmRow) string { return a.Episode }, foldAlarm)
	args = make([][]any, len(episodes))
	for i, a := range episodes {
		var features []byte // none: not all are known
		if a.Features != nil {
			if features, err = json.Marshal(a.Features); err != nil {
				return err
			}
		}
		args[i] = []any{
			a.Episode, a.Model, a.Version, a.Policy, a.Reference, a.WindowMS, a.Kind,
			a.Phase, a.ended(), a.SinceMS, a.LastMS, a.LastEvent, a.Level, a.Share, a.TopJSON, string(features), bit(a.QualityOpen), a.Check, a.Segment,
		}
	}
	return t.insertAll(ctx, foldEpisodeHead, foldEpisodeTail, args, nil)
}

// PutEvents is Tx.PutEvents in a transaction of its own.
func (s *Store) PutEvents(ctx context.Context, events []EventRow) error {
	return s.Tx(ctx, func(t *Tx) error { return t.PutEvents(ctx, events) })
}

// episode is the fold of one event.
func (e *EventRow) episode() AlarmRow {
	return AlarmRow{
		Episode: e.Episode, Model: e.Model, Version: e.Version, Policy: e.Policy, Reference: e.Reference, WindowMS: e.WindowMS,
		Kind: e.Kind, Check: e.Check, Segment: e.Segment, Phase: e.Phase, SinceMS: e.TimeMS, LastMS: e.TimeMS, LastEvent: e.ID, Level: e.Level, Share: e.Share,
		TopJSON: e.TopJSON, Features: e.Features, QualityOpen: e.QualityOpen,
	}
}

func (a *AlarmRow) ended() int64 { return bit(a.Phase != phaseFiring) }

// foldAlarm is foldEpisodeTail in Go.
func foldAlarm(old, add AlarmRow) AlarmRow {
	out := old
	if tupleAfter([]int64{add.LastMS, add.ended()}, add.LastEvent, []int64{old.LastMS, old.ended()}, old.LastEvent) {
		out = add
	}
	out.SinceMS = min(old.SinceMS, add.SinceMS)
	out.Level = max(old.Level, add.Level)
	return out
}

// AlarmQuery selects episodes; a zero field does not restrict.
type AlarmQuery struct {
	Model    string
	Version  string
	Kind     string // drift | quality | performance | joint | prediction
	Phase    string // firing | resolved | superseded
	Segment  string // a part of the traffic, or AnySegment
	Whole    bool   // those of all of the traffic alone; not with Segment
	WindowMS int64
	FromMS   int64 // not ended before
	ToMS     int64 // begun before
	Limit    int   // default 100, at most 10,000
}

const alarmColumns = `episode, model, version, policy, reference, window_ms, kind, phase, ended, since_ms, last_ms, last_event,
	level, share, top, features, quality_open, quality_check, segment, ack_by, coalesce(ack_ms, 0)`

// Alarms returns the episodes that q selects, newest first.
func (t *Tx) Alarms(ctx context.Context, q AlarmQuery) ([]AlarmRow, error) {
	var b builder
	b.text("SELECT " + alarmColumns + " FROM alarm_episodes WHERE 1 = 1")
	for _, c := range []struct{ column, value string }{{"model", q.Model}, {"version", q.Version}, {"kind", q.Kind}, {"phase", q.Phase}} {
		if c.value != "" {
			b.text(" AND " + c.column + " = " + b.arg(c.value))
		}
	}
	if q.Segment != "" {
		b.text(segmentTest(&b, "segment", q.Segment))
	}
	if q.Whole {
		b.text(" AND segment = ''")
	}
	if q.WindowMS != 0 {
		b.text(" AND window_ms = " + b.arg(q.WindowMS))
	}
	if q.FromMS != 0 {
		b.text(" AND (ended = 0 OR last_ms >= " + b.arg(q.FromMS) + ")")
	}
	if q.ToMS != 0 {
		b.text(" AND since_ms < " + b.arg(q.ToMS))
	}
	b.text(" ORDER BY since_ms DESC, episode LIMIT " + b.arg(clampLimit(q.Limit, 100, 10_000)))
	var out []AlarmRow
	err := t.rows(ctx, b.sql(), b.args, func(r scanner) error {
		var a AlarmRow
		err := scanAlarm(r, &a)
		out = append(out, a)
		return err
	})
	return out, err
}

// Alarms is Tx.Alarms over a snapshot of its own.
func (s *Store) Alarms(ctx context.Context, q AlarmQuery) ([]AlarmRow, error) {
	return inRead(ctx, s, func(t *Tx) ([]AlarmRow, error) { return t.Alarms(ctx, q) })
}

func scanAlarm(r scanner, a *AlarmRow) error {
	var ended, quality int64
	var features string
	err := r.Scan(&a.Episode, &a.Model, &a.Version, &a.Policy, &a.Reference, &a.WindowMS, &a.Kind, &a.Phase, &ended, &a.SinceMS, &a.LastMS, &a.LastEvent,
		&a.Level, &a.Share, &a.TopJSON, &features, &quality, &a.Check, &a.Segment, &a.AckBy, &a.AckMS)
	a.QualityOpen = quality != 0
	if ended != 0 {
		a.ResolvedMS = a.LastMS
	}
	if err == nil && features != "" {
		err = json.Unmarshal([]byte(features), &a.Features)
	}
	return err
}

// Alarm returns one episode with its notes, or ErrNotFound.
func (t *Tx) Alarm(ctx context.Context, episode string) (AlarmRow, error) {
	var a AlarmRow
	found := false
	err := t.rows(ctx, "SELECT "+alarmColumns+" FROM alarm_episodes WHERE episode = $1", []any{episode}, func(r scanner) error {
		found = true
		return scanAlarm(r, &a)
	})
	if err == nil && !found {
		err = fault(ErrNotFound, "there is no alarm %q", episode)
	}
	if err != nil {
		return a, err
	}
	err = t.rows(ctx, "SELECT at_ms, author, note FROM alarm_notes WHERE episode = $1 ORDER BY id", []any{episode}, func(r scanner) error {
		var n AlarmNote
		err := r.Scan(&n.AtMS, &n.Author, &n.Text)
		a.Notes = append(a.Notes, n)
		return err
	})
	return a, err
}

// Alarm is Tx.Alarm over a snapshot of its own.
func (s *Store) Alarm(ctx context.Context, episode string) (AlarmRow, error) {
	return inRead(ctx, s, func(t *Tx) (AlarmRow, error) { return t.Alarm(ctx, episode) })
}

// QualityOpen tells whether a data-quality alarm of the model is firing.
func (t *Tx) QualityOpen(ctx context.Context, model string) (bool, error) {
	var n int64
	err := t.row(ctx, "SELECT count(*) FROM alarm_episodes WHERE model = $1 AND kind = 'quality' AND phase = 'firing'", []any{model}, &n)
	return n > 0, err
}

// QualityOpen is Tx.QualityOpen over a snapshot of its own.
func (s *Store) QualityOpen(ctx context.Context, model string) (bool, error) {
	return inRead(ctx, s, func(t *Tx) (bool, error) { return t.QualityOpen(ctx, model) })
}

// AckAlarm notes who has taken the alarm up; the first one stays. ErrNotFound if
// there is no such alarm.
func (s *Store) AckAlarm(ctx context.Context, episode, by string, nowMS int64) error {
	return s.Tx(ctx, func(t *Tx) error {
		a, err := t.Alarm(ctx, episode)
		if err != nil || a.AckBy != "" {
			return t.episodeOnly(ctx, episode, err)
		}
		n, err := t.exec(ctx, "UPDATE alarm_episodes SET ack_by = $1, ack_ms = $2 WHERE episode = $3 AND ack_ms IS NULL", by, nowMS, episode)
		if err != nil || n == 0 {
			return err
		}
		return t.auditAs(ctx, by, "alarm.ack", "alarm:"+episode, nil, nil)
	})
}

// maxNote bounds one note, in bytes.
const maxNote = 10_000

// NoteAlarm adds a note to the alarm. ErrNotFound if there is no such alarm,
// ErrInvalid for an empty note or one above 10,000 bytes.
func (s *Store) NoteAlarm(ctx context.Context, episode, author, text string, nowMS int64) error {
	if strings.TrimSpace(text) == "" || len(text) > maxNote {
		return fault(ErrInvalid, "a note has 1 to %d bytes, this one %d", maxNote, len(text))
	}
	return s.Tx(ctx, func(t *Tx) error {
		if _, err := t.Alarm(ctx, episode); err != nil {
			return t.episodeOnly(ctx, episode, err)
		}
		if _, err := t.exec(ctx, "INSERT INTO alarm_notes (episode, at_ms, author, note) VALUES ($1, $2, $3, $4)", episode, nowMS, author, text); err != nil {
			return err
		}
		return t.auditAs(ctx, author, "alarm.note", "alarm:"+episode, nil, map[string]string{"note": text})
	})
}

// EventQuery selects drift events; a zero field does not restrict.
type EventQuery struct {
	Model   string
	Episode string
	Type    string
	FromMS  int64 // event time, inclusive
	ToMS    int64 // exclusive
	Oldest  bool  // oldest first; else newest first
	Limit   int   // default 100, at most 100,000
}

// Events returns the drift events that q selects. Of an event only ID, Type,
// Model, Episode, TimeMS, Replayed and Body are filled: the rest stands in Body.
func (t *Tx) Events(ctx context.Context, q EventQuery) ([]EventRow, error) {
	var b builder
	b.text("SELECT id, type, model, episode, time_ms, replayed, body FROM drift_events WHERE 1 = 1")
	for _, c := range []struct{ column, value string }{{"model", q.Model}, {"episode", q.Episode}, {"type", q.Type}} {
		if c.value != "" {
			b.text(" AND " + c.column + " = " + b.arg(c.value))
		}
	}
	if q.FromMS != 0 {
		b.text(" AND time_ms >= " + b.arg(q.FromMS))
	}
	if q.ToMS != 0 {
		b.text(" AND time_ms < " + b.arg(q.ToMS))
	}
	if q.Oldest {
		b.text(" ORDER BY time_ms, id")
	} else {
		b.text(" ORDER BY time_ms DESC, id DESC")
	}
	b.text(" LIMIT " + b.arg(clampLimit(q.Limit, 100, 100_000)))
	var out []EventRow
	err := t.rows(ctx, b.sql(), b.args, func(r scanner) error {
		var e EventRow
		var replayed int64
		err := r.Scan(&e.ID, &e.Type, &e.Model, &e.Episode, &e.TimeMS, &replayed, &e.Body)
		e.Replayed = replayed != 0
		out = append(out, e)
		return err
	})
	return out, err
}

// Events is Tx.Events over a snapshot of its own.
func (s *Store) Events(ctx context.Context, q EventQuery) ([]EventRow, error) {
	return inRead(ctx, s, func(t *Tx) ([]EventRow, error) { return t.Events(ctx, q) })
}

// DeleteEventsBefore removes drift events with an event time before ms, a batch per
// transaction, and returns how many there were. Episodes stay.
func (s *Store) DeleteEventsBefore(ctx context.Context, ms int64) (int64, error) {
	return s.deleteBatches(ctx, "DELETE FROM drift_events WHERE id IN (SELECT id FROM drift_events WHERE time_ms < $1 ORDER BY time_ms LIMIT $2)", ms)
}
