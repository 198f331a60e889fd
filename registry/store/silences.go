package store

import (
	"cmp"
	"context"
	"slices"
	"strings"
)

// MaxSilenceMS is the longest that a silence may last, 90 days: what has no end is
// forgotten, and an alarm that nobody hears is none.
const MaxSilenceMS = 90 * 86_400_000

// maxReason bounds the reason of a silence or a pause, in bytes.
const maxReason = 1000

// Silence mutes the notification of a model's alarms for a time. The alarms fire all
// the same, and what they start, such as a retrain, starts.
type Silence struct {
	ID          string
	Model       string
	Feature     string // "" = whatever features are behind the alarm
	Kind        string // drift | quality | performance | joint | prediction; "" = all
	Segment     string // a part of the traffic, such as region=eu; "" = all of it with its parts
	Reason      string
	Author      string
	CreatedMS   int64 // wall clock, as all times here
	UntilMS     int64 // ends by itself then
	EndedBy     string
	EndedReason string
	EndedMS     int64 // a person ended it; 0 = nobody did
}

// ActiveAt tells whether the silence mutes at a time.
func (s *Silence) ActiveAt(ms int64) bool { return s.EndedMS == 0 && ms < s.UntilMS }

const silenceColumns = "id, model, feature, kind, segment, reason, author, created_ms, until_ms, ended_by, ended_reason, coalesce(ended_ms, 0)"

func scanSilence(r scanner, s *Silence) error {
	return r.Scan(&s.ID, &s.Model, &s.Feature, &s.Kind, &s.Segment, &s.Reason, &s.Author, &s.CreatedMS, &s.UntilMS, &s.EndedBy, &s.EndedReason, &s.EndedMS)
}

// AddSilence stores a silence of now and returns it with its id. Of s it takes model,
// feature, kind, part of the traffic, reason, author and end.
//
// Errors: ErrNotFound for a model that is not watched; ErrInvalid without reason or
// author, for a part of the traffic that is not known or a kind that parts do not have, for an unknown kind, for a feature of the kinds performance and joint, which
// no single feature is behind, for one of the kind prediction but score and prediction, and for an end that is past or more than MaxSilenceMS away.
func (s *Store) AddSilence(ctx context.Context, add Silence, nowMS int64) (Silence, error) {
	switch {
	case (add.Kind == "performance" || add.Kind == "joint") && add.Feature != "":
		return Silence{}, fault(ErrInvalid, "%s alarms are not about features: leave the feature out, or silence drift or quality", add.Kind)
	case add.Kind == "prediction" && !slices.Contains([]string{"", "score", "prediction"}, add.Feature):
		return Silence{}, fault(ErrInvalid, "alarms of predictions are about the features score and prediction, not %q: name one of them, or leave the feature out", cut(add.Feature, 100))
	case add.Segment != "" && add.Kind != "" && add.Kind != "drift":
		return Silence{}, fault(ErrInvalid, "parts of the traffic have drift alarms alone: leave the kind %s out, or the part", add.Kind)
	case add.UntilMS <= nowMS:
		return Silence{}, fault(ErrInvalid, "a silence must end after now (%d ms), not at %d ms", nowMS, add.UntilMS)
	case add.UntilMS-nowMS > MaxSilenceMS:
		return Silence{}, fault(ErrInvalid, "a silence lasts at most 90 days: end it sooner, and add another then")
	}
	if err := checkWhy("a silence", add.Author, add.Reason); err != nil {
		return Silence{}, err
	}
	if add.Segment != "" {
		if err := CheckSegment(add.Segment); err != nil {
			return Silence{}, err
		}
	}
	add.ID, add.CreatedMS = randomHex()[:16], nowMS
	add.EndedBy, add.EndedReason, add.EndedMS = "", "", 0
	return inTx(ctx, s, func(t *Tx) (Silence, error) {
		if _, err := t.WatchedModel(ctx, add.Model); err != nil {
			return Silence{}, err
		}
		told := map[string]any{"model": add.Model, "feature": add.Feature, "kind": add.Kind, "until_ms": add.UntilMS, "reason": add.Reason}
		if add.Segment != "" {
			if err := t.KnownSegment(ctx, add.Model, add.Segment); err != nil {
				return Silence{}, err
			}
			told["segment"] = add.Segment
		}
		_, err := t.exec(ctx, `INSERT INTO silences (id, model, feature, kind, segment, reason, author, created_ms, until_ms)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, add.ID, add.Model, add.Feature, add.Kind, add.Segment, add.Reason, add.Author, add.CreatedMS, add.UntilMS)
		if err != nil {
			return Silence{}, err
		}
		return add, t.auditAs(ctx, add.Author, "silence.add", "silence:"+add.ID, nil, told)
	})
}

// checkWhy refuses an act without a name or with a reason that is empty or too long.
func checkWhy(what, by, reason string) error {
	if by == "" || strings.TrimSpace(reason) == "" || len(reason) > maxReason {
		return fault(ErrInvalid, "%s needs a name and a reason of 1 to %d bytes", what, maxReason)
	}
	return nil
}

// ExpireSilence ends a silence before its time.
//
// Errors: ErrNotFound; ErrState if it has ended already; ErrInvalid without name or
// reason.
func (s *Store) ExpireSilence(ctx context.Context, id, by, reason string, nowMS int64) (Silence, error) {
	if err := checkWhy("the end of a silence", by, reason); err != nil {
		return Silence{}, err
	}
	return inTx(ctx, s, func(t *Tx) (Silence, error) {
		n, err := t.exec(ctx, "UPDATE silences SET ended_by = $1, ended_reason = $2, ended_ms = $3 WHERE id = $4 AND ended_ms IS NULL AND until_ms > $5",
			by, reason, nowMS, id, nowMS)
		if err != nil {
			return Silence{}, err
		}
		var out Silence
		found := false
		err = t.rows(ctx, "SELECT "+silenceColumns+" FROM silences WHERE id = $1", []any{id}, func(r scanner) error {
			found = true
			return scanSilence(r, &out)
		})
		switch {
		case err != nil:
			return Silence{}, err
		case !found:
			return Silence{}, fault(ErrNotFound, "there is no silence %q", id)
		case n == 0:
			return Silence{}, fault(ErrState, "silence %s has ended already", id)
		}
		return out, t.auditAs(ctx, by, "silence.expire", "silence:"+id, map[string]int64{"until_ms": out.UntilMS}, map[string]string{"reason": reason})
	})
}

// SilenceQuery selects silences; a zero field does not restrict.
type SilenceQuery struct {
	Model    string
	ActiveMS int64 // only those that mute at this time
	Limit    int   // default 100, at most 10,000
}

// Silences returns the silences that q selects, newest first.
func (t *Tx) Silences(ctx context.Context, q SilenceQuery) ([]Silence, error) {
	var b builder
	b.text("SELECT " + silenceColumns + " FROM silences WHERE 1 = 1")
	if q.Model != "" {
		b.text(" AND model = " + b.arg(q.Model))
	}
	if q.ActiveMS != 0 {
		b.text(" AND ended_ms IS NULL AND until_ms > " + b.arg(q.ActiveMS))
	}
	b.text(" ORDER BY created_ms DESC, id LIMIT " + b.arg(clampLimit(q.Limit, 100, maxSilences)))
	var out []Silence
	err := t.rows(ctx, b.sql(), b.args, func(r scanner) error {
		var s Silence
		err := scanSilence(r, &s)
		out = append(out, s)
		return err
	})
	return out, err
}

// Silences is Tx.Silences over a snapshot of its own.
func (s *Store) Silences(ctx context.Context, q SilenceQuery) ([]Silence, error) {
	return inRead(ctx, s, func(t *Tx) ([]Silence, error) { return t.Silences(ctx, q) })
}

// maxSilences bounds one reading.
const maxSilences = 10_000

// MuteAlarms fills in SilencedUntilMS of alarms, by the silences that mute at a time.
func (t *Tx) MuteAlarms(ctx context.Context, alarms []AlarmRow, nowMS int64) error {
	if len(alarms) == 0 {
		return nil
	}
	active, err := t.Silences(ctx, SilenceQuery{ActiveMS: nowMS, Limit: maxSilences})
	if err == nil {
		Mute(alarms, active, nowMS)
	}
	return err
}

// silencedBy is the kind of silence that mutes a kind of alarm: an early warning is one of
// drift.
func silencedBy(kind string) string {
	if kind == KindEarly {
		return "drift"
	}
	return kind
}

// Regards tells whether the silence is one of the alarm's kind and part of the traffic. One
// that names no part is of all parts too.
func (s *Silence) Regards(a *AlarmRow) bool {
	return (s.Kind == "" || s.Kind == silencedBy(a.Kind)) && (s.Segment == "" || s.Segment == a.Segment)
}

// Mute fills in SilencedUntilMS of the alarms that fire and of early warnings: the time up to which silences,
// those among the given ones that mute at nowMS, cover the alarm without a gap in what it
// is about. A silence of the whole model covers all; silences of single features cover an
// alarm only if all features behind it are known and each has one, so that a feature that
// nobody reckoned with is always heard.
func Mute(alarms []AlarmRow, silences []Silence, nowMS int64) {
	for i := range alarms {
		a := &alarms[i]
		a.SilencedUntilMS = 0
		if a.Phase != phaseFiring && a.Phase != PhaseWarned {
			continue
		}
		whole, byFeature := int64(0), map[string]int64{}
		for j := range silences {
			s := &silences[j]
			switch {
			case s.Model != a.Model || !s.Regards(a) || !s.ActiveAt(nowMS):
			case s.Feature == "":
				whole = max(whole, s.UntilMS)
			default:
				byFeature[s.Feature] = max(byFeature[s.Feature], s.UntilMS)
			}
		}
		a.SilencedUntilMS = whole
		if len(a.Features) > 0 {
			first := slices.MinFunc(a.Features, func(x, y string) int { return cmp.Compare(byFeature[x], byFeature[y]) })
			a.SilencedUntilMS = max(whole, byFeature[first])
		}
	}
}
