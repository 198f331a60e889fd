package web

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/driftline/driftline/registry/store"
)

// checkSegment refuses a text that names no part of the traffic, and says where it stands.
func checkSegment(location, text string) error {
	err := store.CheckSegment(text)
	if err == nil {
		return nil
	}
	return &Problem{
		Status: http.StatusBadRequest, Title: "Invalid value", Detail: location + ": " + err.Error(),
		Next:   "name a part that models[].segments declares, as NAME=VALUE such as region=eu; GET /api/v1/models/MODEL lists those that are judged",
		Errors: []Fault{{Location: location, Message: err.Error(), Value: text}},
	}
}

// segmentAsked reads which part of the traffic a list is to be of: "" is not asked for, *
// is any.
func segmentAsked(location, text string) (string, error) {
	if text == "" || text == store.AnySegment {
		return text, nil
	}
	return text, checkSegment(location, text)
}

// latestSegments are the newest scores of the parts that are still judged. A part that is
// declared no longer leaves its last score behind: it is left out when the others are more
// than a window ahead.
func latestSegments(ctx context.Context, t *store.Tx, model string) ([]store.ScoreRow, error) {
	rows, err := t.LatestSegments(ctx, model)
	if err != nil {
		return nil, err
	}
	whole, err := t.LatestScores(ctx, model)
	if err != nil {
		return nil, err
	}
	newest := map[int64]int64{}
	for _, r := range whole {
		newest[r.WindowMS] = max(newest[r.WindowMS], r.EndMS)
	}
	var out []store.ScoreRow
	for _, r := range rows {
		if r.EndMS >= newest[r.WindowMS]-r.WindowMS {
			out = append(out, r)
		}
	}
	return out, nil
}

// segmentRow is a part of the traffic in the newest window at which its alarm stepped.
type segmentRow struct {
	store.ScoreRow
	State  string // judged, learning or empty
	Reason string // why there is no verdict
	Worst  *float64
	Alarm  string // its open alarm, "" for none
	// SilencedUntilMS is that of the alarm.
	SilencedUntilMS int64
}

// Share is the share of judged features that drifted.
func (r segmentRow) Share() *float64 {
	if r.Judged == 0 {
		return nil
	}
	x := share(r.Drifted, r.Judged)
	return &x
}

// Verdict is how the part stands, in one of the words for features.
func (r segmentRow) Verdict() string {
	switch {
	case r.Alarm != "":
		return "firing"
	case r.Judged == 0 && r.State == "learning":
		return "learning"
	case r.Judged == 0:
		return "insufficient"
	case r.Drifted > 0:
		return "drifted"
	}
	return "stable"
}

// Why says why there is no verdict, "" where there is one.
func (r segmentRow) Why() string {
	switch {
	case r.Judged > 0:
		return ""
	case r.Reason != "":
		return r.Reason
	case r.Rows == 0:
		return "no rows in the window"
	}
	return "no feature could be judged"
}

// segmentRows are the parts in windows of one length: those in alarm first, then by how
// much drifted.
func segmentRows(latest []store.ScoreRow, open []store.AlarmRow, windowMS int64) (out []segmentRow, err error) {
	for _, r := range latest {
		if r.WindowMS != windowMS || r.Version != anyVersion {
			continue
		}
		b, err := parseScore(r.Body)
		if err != nil {
			return nil, err
		}
		x := segmentRow{ScoreRow: r, State: b.State, Reason: b.Reason, Worst: r.MaxPSI}
		if a := openOf(open, r.Segment, windowMS); a != nil {
			x.Alarm, x.SilencedUntilMS = a.Episode, a.SilencedUntilMS
		}
		out = append(out, x)
	}
	slices.SortStableFunc(out, func(a, b segmentRow) int {
		fires := func(r segmentRow) int { return min(len(r.Alarm), 1) }
		return cmp.Or(cmp.Compare(fires(b), fires(a)), cmp.Compare(share(b.Drifted, b.Judged), share(a.Drifted, a.Judged)), cmp.Compare(a.Segment, b.Segment))
	})
	return out, nil
}

// openOf is the alarm of a part that fires in windows of a length, nil for none.
func openOf(open []store.AlarmRow, segment string, windowMS int64) *store.AlarmRow {
	for i := range open {
		if open[i].Segment == segment && open[i].WindowMS == windowMS {
			return &open[i]
		}
	}
	return nil
}

// of are the scores of one part.
func of(rows []store.ScoreRow, segment string) (out []store.ScoreRow) {
	for _, r := range rows {
		if r.Segment == segment {
			out = append(out, r)
		}
	}
	return out
}

// silencesFor are the silences that may mute what a page shows: of a part those of all of
// the traffic and its own.
func silencesFor(all []store.Silence, segment string) (out []store.Silence) {
	for _, s := range all {
		if segment == "" || s.Segment == "" || s.Segment == segment {
			out = append(out, s)
		}
	}
	return out
}

// segmentHeadline says in a sentence or two how a part of the traffic stands.
func segmentHeadline(view *modelView, open []store.AlarmRow) (string, error) {
	part := capital(partText(view.Segment))
	r := view.Newest
	if r == nil {
		return part + " has not been judged in this window yet. Is it declared under segments of the model, and was a reference built since?", nil
	}
	rows, err := segmentRows([]store.ScoreRow{*r}, open, view.Window)
	if err != nil || len(rows) == 0 {
		return part + ".", err
	}
	row := rows[0]
	row.State, row.Reason = view.state, view.reason
	switch {
	case row.Alarm != "" && row.Judged > 0:
		return part + " is in alarm: " + standing(r) + ". It starts no retrain: a new version learns from all of the traffic.", nil
	case row.Alarm != "":
		return part + " is in alarm; there is no verdict in the newest " + spanText(r.WindowMS) + " window (to " + momentText(r.EndMS) + " UTC): " + row.Why() + ".", nil
	case row.Judged == 0:
		return part + " has no verdict yet: " + row.Why() + ".", nil
	}
	return part + ": " + standing(r) + ".", nil
}
