package web

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/driftline/driftline/registry/store"
)

// incident is the alarms of one model that belong together because their times overlap:
// its windows and kinds, and early warnings before them.
type incident struct {
	ID      string
	Model   string
	SinceMS int64            // of the oldest
	UntilMS int64            // end of the last; 0 while one fires or a warning stands
	Alarms  []store.AlarmRow // newest first
}

// Open tells whether one of the alarms fires.
func (n incident) Open() bool {
	return slices.ContainsFunc(n.Alarms, func(a store.AlarmRow) bool { return a.Phase == "firing" })
}

// Firing is how many of the alarms fire.
func (n incident) Firing() (k int) {
	for _, a := range n.Alarms {
		if a.Phase == "firing" {
			k++
		}
	}
	return k
}

// severity orders kinds of alarm, most urgent first.
var severity = []string{"quality", "performance", "drift", kindPrediction, store.KindEarly}

// Worst is the most urgent alarm: one that fires before one that ended, then by kind, then one
// of all of the traffic before one of a part, then by share.
func (n incident) Worst() store.AlarmRow {
	rank := func(a store.AlarmRow) int {
		if i := slices.Index(severity, a.Kind); i >= 0 {
			return i
		}
		return slices.Index(severity, "drift") // of another kind: between performance and early
	}
	ended := func(a store.AlarmRow) int {
		if a.Phase == "firing" {
			return 0
		}
		return 1
	}
	return slices.MinFunc(n.Alarms, func(a, b store.AlarmRow) int {
		return cmp.Or(cmp.Compare(ended(a), ended(b)), cmp.Compare(rank(a), rank(b)), cmp.Compare(min(len(a.Segment), 1), min(len(b.Segment), 1)), cmp.Compare(b.Share, a.Share), cmp.Compare(a.SinceMS, b.SinceMS), cmp.Compare(a.Episode, b.Episode))
	})
}

// endOf is until when an alarm counts towards an incident: an early warning as long as it
// stands, since the windows that confirm it take their time.
func endOf(a *store.AlarmRow) int64 {
	switch a.Phase {
	case "firing":
		return math.MaxInt64
	case store.PhaseWarned:
		return a.LastMS + store.WarningStandsMS
	}
	return a.ResolvedMS
}

// incidentsOf groups alarms; the incident that began last comes first. Its id is that of
// its oldest alarm, so that it keeps it while others join.
func incidentsOf(alarms []store.AlarmRow) (out []incident) {
	byModel := map[string][]store.AlarmRow{}
	for _, a := range alarms {
		byModel[a.Model] = append(byModel[a.Model], a)
	}
	for model, rows := range byModel {
		slices.SortFunc(rows, func(a, b store.AlarmRow) int {
			return cmp.Or(cmp.Compare(a.SinceMS, b.SinceMS), cmp.Compare(a.Episode, b.Episode))
		})
		until := int64(math.MinInt64)
		for _, a := range rows {
			if n := len(out); n == 0 || out[n-1].Model != model || a.SinceMS > until {
				out = append(out, incident{ID: "i-" + a.Episode[:min(len(a.Episode), 16)], Model: model, SinceMS: a.SinceMS})
				until = a.SinceMS
			}
			n := &out[len(out)-1]
			n.Alarms = append(n.Alarms, a)
			until = max(until, endOf(&a))
			if n.UntilMS = until; until == math.MaxInt64 {
				n.UntilMS = 0
			}
		}
	}
	for i := range out {
		slices.Reverse(out[i].Alarms)
	}
	slices.SortFunc(out, func(a, b incident) int {
		return cmp.Or(cmp.Compare(b.SinceMS, a.SinceMS), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// maxGrouped bounds the alarms that incidents are made from.
const maxGrouped = 10_000

// readIncidents groups the alarms of one model, or of all.
func readIncidents(ctx context.Context, t *store.Tx, model string, nowMS int64) ([]incident, error) {
	rows, err := t.AllAlarms(ctx, store.AlarmQuery{Model: model, Limit: maxGrouped})
	if err != nil {
		return nil, err
	}
	if err := t.MuteAlarms(ctx, rows, nowMS); err != nil {
		return nil, err
	}
	return incidentsOf(rows), nil
}

// incidentIDs gives the incident of each alarm.
func incidentIDs(ns []incident) map[string]string {
	ids := map[string]string{}
	for _, n := range ns {
		for _, a := range n.Alarms {
			ids[a.Episode] = n.ID
		}
	}
	return ids
}

// Incident is the alarms of one model whose times overlap.
type Incident struct {
	ID      string  `json:"id" doc:"Stays the same while alarms join."`
	Model   string  `json:"model"`
	State   string  `json:"state" enum:"firing,ended" doc:"firing while one of its alarms fires."`
	SinceMS int64   `json:"since_ms" doc:"Of its oldest alarm."`
	UntilMS int64   `json:"until_ms" doc:"0 while one of its alarms fires."`
	Worst   string  `json:"worst" doc:"Kind of the most urgent alarm."`
	WorstID string  `json:"worst_id" doc:"Its id."`
	Share   float64 `json:"share" doc:"Its share."`
	Segment string  `json:"segment" doc:"Part of the traffic that it is about; empty for all of it."`
	Alarms  []Alarm `json:"alarms" nullable:"false" doc:"Newest first, early warnings with them."`
}

func incidentOf(n incident) Incident {
	w := n.Worst()
	out := Incident{ID: n.ID, Model: n.Model, State: "ended", SinceMS: n.SinceMS, UntilMS: n.UntilMS, Worst: w.Kind, WorstID: w.Episode, Share: w.Share, Segment: w.Segment}
	if n.Open() {
		out.State = "firing"
	}
	for _, a := range n.Alarms {
		x := alarmOf(a)
		x.Incident = n.ID
		out.Alarms = append(out.Alarms, x)
	}
	return out
}

type incidentsInput struct {
	Model string `query:"model"`
	State string `query:"state" enum:"firing,ended"`
	Limit int    `query:"limit" default:"100" minimum:"1" maximum:"5000"`
}

func listIncidents(ctx context.Context, s *server, in *incidentsInput) (List[Incident], error) {
	var ns []incident
	err := s.Store.Read(ctx, func(t *store.Tx) (err error) {
		ns, err = readIncidents(ctx, t, in.Model, s.NowMS())
		return err
	})
	out := []Incident{}
	for _, n := range ns {
		if x := incidentOf(n); in.State == "" || x.State == in.State {
			out = append(out, x)
		}
	}
	return listOf(out, in.Limit), err
}
