package sim

import (
	"fmt"
	"slices"
	"testing"

	"github.com/driftline/driftline/stream/collect"
	"github.com/driftline/driftline/stream/evaluate"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/replay"
	"github.com/driftline/driftline/stream/wire"
)

func (w *world) replayConfig() replay.Config {
	return replay.Config{
		Layout: w.layout, Control: w.prefix + controlTopic, State: w.prefix + stateTopic, Panes: w.prefix + panesTopic, Scores: w.prefix + scoresTopic, Drift: w.prefix + driftTopic,
		FromMS: loop.Unset, ToMS: loop.Never,
		NewSource: func(s wire.Source, o loop.Origin) loop.SourceFold {
			return collect.New(collect.Config{Source: s, Layout: w.layout, PanesTopic: w.prefix + panesTopic, DeadTopic: w.prefix + deadTopic}, o)
		},
		NewPanes: func(q int32, past *wire.Past) replay.Fold {
			return evaluate.New(evaluate.Config{
				Layout: w.layout, Partition: q, Namespace: "sim", Policy: wire.DefaultPolicy(), Admission: w.admission, Past: past, MaxPending: -1,
				Topics: w.topics(), WeekMS: w.weekMS,
			})
		},
	}
}

// restating is a replay of the range that counts events of any lateness.
func (w *world) restating(fromMS, toMS int64) replay.Config {
	cfg := w.replayConfig()
	cfg.FromMS, cfg.ToMS, cfg.Restate = fromMS, toMS, true
	restate := &collect.Restate{From: (fromMS - w.layout.LongestMS()) / w.layout.PaneMS, To: toMS/w.layout.PaneMS - 1}
	cfg.NewSource = func(s wire.Source, o loop.Origin) loop.SourceFold {
		return collect.New(collect.Config{Source: s, Layout: w.layout, PanesTopic: panesTopic, Restate: restate}, o)
	}
	return cfg
}

func scoreID(l replay.Line) string {
	return fmt.Sprintf("%s %s %d %d", l.Model, l.Version, l.WindowMS, l.EndMS)
}

// rowsOfAnyLateness counts the rows of each window of the range straight from the
// records: every event of a watched model that was not ahead of its partition's clock.
func (w *world) rowsOfAnyLateness(t *testing.T, cfg replay.Config) map[string]uint64 {
	t.Helper()
	out := map[string]uint64{}
	dec := event.NewDecoder(event.Limits{})
	var ev event.Event
	for p := range w.plan.partitions {
		clock := loop.Unset
		for _, r := range w.log.Records(log.Partition{Topic: inputTopic, Index: int32(p)}) {
			clock = max(clock, r.TimeMS)
			if dec.Decode(r.Value, &ev) != nil || ev.Type != event.TypePrediction || !slices.Contains(models, ev.Model) {
				continue
			}
			ts := r.TimeMS
			if ev.HasTime {
				ts = ev.TimeMS
			}
			if ts-clock > w.layout.SkewMS {
				continue
			}
			for _, window := range w.layout.WindowsMS {
				hop := w.layout.Hop(window)
				for end := (ts/hop + 1) * hop; end-window <= ts; end += hop {
					if end > cfg.FromMS && end <= cfg.ToMS {
						out[fmt.Sprintf("%s %s %d %d", ev.Model, wire.AnyVersion, window, end)]++
					}
				}
			}
		}
	}
	return out
}
