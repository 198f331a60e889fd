package commands

import (
	"context"
	"fmt"
	"strings"
	"time"

	driftcheck "github.com/driftline/driftline/cmd/driftline/internal/check"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/wire"
)

// What a check tells.
const (
	saidDetected = "detected"
	saidOngoing  = "ongoing"
	saidResolved = "resolved"
)

// emits checks the flags beside --emit.
func (f *checkFlags) emits(bad func(string, ...any)) {
	if f.judge.Model == "" {
		bad("--emit: whose drift is it? give --model, or --strategy")
	}
	if f.judge.Compat != "" {
		bad("--emit: tells our own verdict; leave out --compat")
	}
	if !f.judge.Timed && f.asOf == "" {
		bad("--emit: the rows carry no time; say with --as-of when they are from, or name --time-column")
	}
}

// tell publishes the outcome to the drift topic:
//
//   - drift, and no alarm of a check is open: detected, which opens one;
//   - drift, and one is open: ongoing, in the same episode;
//   - no drift: resolved, once for each that is open; without one, nothing;
//   - too little data: nothing. No data resolves no alarm.
//
// Ids are functions of what was judged and how, so the same check gives the same event
// and whoever reads it drops the repeat. A check that is made again after later ones
// finds its own event in the history and writes that.
func (f *checkFlags) tell(ctx context.Context, l *checkLive, out *driftcheck.Report, now time.Time) error {
	if !out.Enough {
		out.Emitted = &driftcheck.Emitted{Why: "too little data, which says nothing about drift"}
		return nil
	}
	end, ok := out.EndMS(f.judge)
	switch {
	case !ok:
		return cli.Usagef("--emit: nothing says when the current rows are from; give --as-of")
	case end > now.UnixMilli():
		return cli.Usagef("--emit: the newest current row is of %s, which is yet to come: whoever reads the event would wait until then", moment(end-1))
	}
	e := emission{live: l, out: out, cfg: f.judge, data: out.Evidence(f.judge, end)}
	if err := e.read(ctx); err != nil {
		return err
	}
	return e.publish(ctx, e.events())
}

// emission is one outcome on its way to the drift topic.
type emission struct {
	live *checkLive
	out  *driftcheck.Report
	cfg  driftcheck.Config
	data wire.EventData

	before []wire.Event     // what this very check told, by the history
	open   []store.AlarmRow // alarms of checks of this model, newest first
}

// read asks the history what is open and what was told.
func (e *emission) read(ctx context.Context) error {
	st, d := e.live.parts.Store, &e.data
	return st.Read(ctx, func(t *store.Tx) (err error) {
		if d.QualityOpen, err = t.QualityOpen(ctx, d.Model); err != nil {
			return err
		}
		alarms, err := t.Alarms(ctx, store.AlarmQuery{Model: d.Model, Kind: d.Kind, Phase: "firing", Limit: 10_000})
		if err != nil {
			return err
		}
		for _, a := range alarms {
			if a.Policy == wire.PolicyCheck && a.SinceMS <= d.EndMS {
				e.open = append(e.open, a)
			}
		}
		rows, err := t.Events(ctx, store.EventQuery{Model: d.Model, FromMS: d.EndMS, ToMS: d.EndMS + 1, Oldest: true, Limit: 1000})
		for _, row := range rows {
			x, err := wire.DecodeEvent([]byte(row.Body))
			if err == nil && x.Data.Policy == wire.PolicyCheck && x.Data.Detail["check"] == d.Detail["check"] {
				e.before = append(e.before, x)
			}
		}
		return err
	})
}

// events are those to write, with what the report says of them.
func (e *emission) events() []wire.Event {
	if len(e.before) > 0 {
		e.out.Emitted = told(e.before[0], "told before; the same event once more")
		e.out.Emitted.Again = true
		return e.before
	}
	if !e.out.RetrainingNeeded {
		if len(e.open) == 0 {
			e.out.Emitted = &driftcheck.Emitted{Why: "no drift, and no alarm of a check is open"}
			return nil
		}
		var events []wire.Event
		for _, a := range e.open {
			events = append(events, e.event(saidResolved, a.Episode, a.SinceMS, "resolved"))
		}
		e.out.Emitted = told(events[0], fmt.Sprintf("no drift: %d open alarms of checks end", len(events)))
		return events
	}
	if len(e.open) > 0 {
		ev := e.event(saidOngoing, e.open[0].Episode, e.open[0].SinceMS, "firing")
		e.out.Emitted = told(ev, "drift goes on in the alarm since "+moment(e.open[0].SinceMS))
		return []wire.Event{ev}
	}
	d := &e.data
	// What was judged stands in the place of the reference: it holds the reference's hash.
	episode := wire.EpisodeID(e.live.parts.Cfg.Namespace, d.Model, d.Version, d.Policy, fmt.Sprint(d.Detail["check"]), d.WindowMS, d.EndMS, d.Kind)
	ev := e.event(saidDetected, episode, d.EndMS, "firing")
	e.out.Emitted = told(ev, "drift opens an alarm")
	return []wire.Event{ev}
}

func told(e wire.Event, why string) *driftcheck.Emitted {
	return &driftcheck.Emitted{Type: e.Type, ID: e.ID, Episode: e.Data.Episode, Why: why}
}

// event is one event of an episode. Checks of one episode that end with the same row may
// differ, so the id holds what was judged.
func (e *emission) event(what, episode string, sinceMS int64, phase string) wire.Event {
	d := e.data
	d.Episode, d.SinceMS, d.Phase = episode, sinceMS, phase
	typ := wire.EventType(d.Kind, what)
	id := wire.EventID(episode+fmt.Sprint(d.Detail["check"]), typ, d.EndMS)
	return wire.NewEvent(e.live.parts.Cfg.Namespace, typ, id, "warning", d.EndMS, d)
}

// publish writes the events where the stream writes those of the model.
func (e *emission) publish(ctx context.Context, events []wire.Event) error {
	l := e.live
	recs := make([]log.Record, len(events))
	for i, x := range events {
		p := log.Partition{Topic: l.parts.Topics().Drift, Index: wire.Home(x.Data.Model, int(l.declared.Layout.PanesPartitions))}
		recs[i] = log.Record{Partition: p, TimeMS: log.StampNow, Key: []byte(x.Data.Model), Value: x.Encode()}
	}
	if len(recs) == 0 {
		return nil
	}
	if err := l.parts.Kafka.Append(ctx, recs); err != nil {
		e.out.Emitted.Why = "NOT told: " + err.Error()
		return fmt.Errorf("tell %s of model %q on %s: %w", e.out.Emitted.Type, e.data.Model, strings.Join(l.parts.Brokers, ", "), err)
	}
	return nil
}
