package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/collect"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/replay"
	"github.com/driftline/driftline/stream/wire"
)

// Range is what a replay covers. FromMS = loop.Unset begins at the start, ToMS =
// loop.Never goes on to the end; event time, [from, to).
type Range struct {
	FromMS, ToMS int64
	Model        string // "" for all
	Repair       bool   // events of any lateness count; needs both ends
}

// replayConfig is a replay of the range by this deployment's folds.
func (p *Parts) replayConfig(l wire.Layout, r Range) replay.Config {
	t := p.Topics()
	var restate *collect.Restate
	if r.Repair {
		first, last := r.panes(l)
		restate = &collect.Restate{From: first, To: last, Model: r.Model}
	}
	return replay.Config{
		Layout: l, Control: t.Control, State: t.State, Panes: t.Panes, Scores: t.Scores, Drift: t.Drift,
		FromMS: r.FromMS, ToMS: r.ToMS, Model: r.Model, Restate: r.Repair,
		NewSource: func(id wire.Source, o loop.Origin) loop.SourceFold {
			c := p.sourceConfig(l, id)
			c.DeadTopic, c.Restate = "", restate // dead letters are counted only
			return collect.New(c, o)
		},
		NewPanes: func(q int32, past *wire.Past) replay.Fold { return p.panesFold(l, q, past) },
	}
}

// panes are the first and last step of time that the windows of the range hold.
func (r Range) panes(l wire.Layout) (first, last int64) {
	times := collect.Times(l)
	return times.Pane(r.FromMS - l.LongestMS()), times.Pane(r.ToMS) - 1
}

// Replay runs both folds over a range of the input and hands scores and drift events
// to sink as they become final. It writes nothing. With a history open the alarms'
// states at the start of the range come from it. progress may be nil.
func (p *Parts) Replay(ctx context.Context, l wire.Layout, r Range, sink func([]replay.Line) error, progress func(replay.Progress)) error {
	cfg := p.replayConfig(l, r)
	var err error
	if cfg.Alarms, err = p.pastAlarms(ctx, l, r); err != nil {
		return err
	}
	cfg.Progress = progress
	cfg.Sink = func(_ context.Context, b replay.Batch) error { return sink(b.Lines) }
	_, err = replay.Run(ctx, p.IO(), cfg)
	return err
}

// OpenHistory opens the history for reading and reports whether there is one: a
// database file that does not exist is none. The schema is not changed.
func (p *Parts) OpenHistory(ctx context.Context) (bool, error) {
	url := p.Cfg.StoreURL()
	if path, local := strings.CutPrefix(url, "sqlite:"); local {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
	}
	s, err := store.Open(ctx, url, store.Options{})
	if err == nil {
		p.closers = append(p.closers, s.Close)
		err = s.CheckSchema(ctx)
	}
	if err != nil {
		return false, &cli.Exit{Code: cli.Usage, Err: fmt.Errorf("store.database_url: %w", err)}
	}
	p.Store = s
	return true, nil
}

// Settled refuses a range that ends later than what can be said for good, before it is
// written: a window whose events are still coming would stand in the history as whole.
// Where live operation runs that is what it has judged, else what no event can still
// be on time for.
func (p *Parts) Settled(ctx context.Context, l wire.Layout, r Range) error {
	if r.ToMS == loop.Never {
		return nil // ends with what is final
	}
	done, live := loop.Never, true
	for q := range l.PanesPartitions {
		recs, err := loop.NewReader(p.IO(), log.Partition{Topic: p.Topics().State, Index: q}, -1).ToEnd(ctx)
		if err != nil {
			return err
		}
		newest := wire.NoPane
		for _, rec := range recs {
			if kind, err := wire.Peek(rec.Value); err != nil || kind != wire.KindDone {
				continue
			}
			if d, err := wire.DecodeDone(rec.Value); err == nil {
				newest = max(newest, d.Pane)
			}
		}
		if newest == wire.NoPane {
			live = false
			continue
		}
		done = min(done, (newest+1)*l.PaneMS)
	}
	if live && r.ToMS > done {
		return cli.Usagef("--to: %s is later than %s, up to which windows are judged; what comes after is still being counted", wire.RFC3339(r.ToMS), wire.RFC3339(done))
	}
	if now := NowMS() - l.LatenessMS - l.SkewMS - l.DisorderMS; !live && r.ToMS > now {
		return cli.Usagef("--to: %s is later than %s; events of the windows before it may still come", wire.RFC3339(r.ToMS), wire.RFC3339(now))
	}
	return nil
}

// Own refuses to write into a history whose drift events another namespace told: their
// ids hold it, so that a replay would add each of them a second time.
func (p *Parts) Own(ctx context.Context) error {
	rows, err := p.Store.Events(ctx, store.EventQuery{Limit: 100})
	if err != nil {
		return fmt.Errorf("namespace of the history: %w", err)
	}
	if len(rows) == 0 {
		return nil
	}
	newest := rows[0]
	for _, row := range rows { // what live operation told weighs more than what a replay found
		if !row.Replayed {
			newest = row
			break
		}
	}
	e, err := wire.DecodeEvent([]byte(newest.Body))
	if err != nil {
		return fmt.Errorf("namespace of the history: %w", err)
	}
	if theirs, ours := strings.TrimPrefix(e.Source, "/driftline/"), p.Cfg.Namespace; theirs != ours {
		return cli.Usagef("namespace: the history holds events of the namespace %q, this command is set to %q: give --namespace %s, or the configuration of the deployment", theirs, ours, theirs)
	}
	return nil
}

// pastAlarms are the states of alarms at the start of the range, where the history has
// them: those that the scores of the last alarm hop at or before say, and early warnings
// those of the last hop of long windows.
func (p *Parts) pastAlarms(ctx context.Context, l wire.Layout, r Range) (map[string][]wire.PastAlarm, error) {
	if p.Store == nil || r.FromMS == loop.Unset {
		return nil, nil
	}
	ends := map[int64]int64{}
	for _, w := range l.WindowsMS {
		ends[w] = replay.LastHop(l, w, r.FromMS)
	}
	rows, err := p.Store.AlarmScores(ctx, ends)
	if err != nil {
		return nil, fmt.Errorf("alarms at the start of the range: %w", err)
	}
	early := map[int64]int64{}
	for w, end := range ends {
		if at := replay.LastSlot(l, r.FromMS); at != end {
			early[w] = at
		}
	}
	more, err := p.Store.AlarmScores(ctx, early)
	if err != nil {
		return nil, fmt.Errorf("early warnings at the start of the range: %w", err)
	}
	rows = append(rows, more...)
	scores := make([]wire.Score, len(rows))
	for i, row := range rows {
		if scores[i], err = wire.DecodeScore([]byte(row.Body)); err != nil {
			return nil, fmt.Errorf("alarms at the start of the range: %w", err)
		}
	}
	return replay.PastAlarms(l, r.FromMS, scores)
}

// Bytes that a replay of unbounded lateness holds per feature and step of time, beside
// its cells, and per cell: open for the source that is read and for the sum of all,
// packed for each source that was read, where counts are varints, of two bytes up to
// 16,383. Measured with 50 features, 2 sources, 13 steps: 3.9 MB, by these 3.8 MB.
const (
	openCopies    = 2
	openFeature   = 256
	openCell      = 8
	packedFeature = 128
	packedCell    = 2
	openVersions  = 2 // versions of a model at a time; more are seldom
)

// RepairBytes is how much memory the counts of the range need.
func (p *Parts) RepairBytes(ctx context.Context, d *Declared, r Range) (int64, error) {
	sources := int64(0)
	for _, in := range d.Layout.Inputs {
		n, err := p.Kafka.Partitions(ctx, in.Topic)
		if err != nil {
			return 0, fmt.Errorf("partitions of %s: %w", in.Topic, err)
		}
		sources += int64(n)
	}
	return repairBytes(d, r, sources), nil
}

func repairBytes(d *Declared, r Range, sources int64) int64 {
	first, last := r.panes(d.Layout)
	perPane := int64(0)
	for _, m := range d.View.Models() {
		if r.Model != "" && m.Name != r.Model {
			continue
		}
		for _, g := range d.View.Grids(m.Name, last) {
			for i := range g.Grid.Features {
				cells := int64(g.Grid.Features[i].Cells())
				one := openVersions * (openCopies*(openFeature+cells*openCell) + sources*(packedFeature+cells*packedCell))
				perPane += one * int64(1+g.MostSegments())
			}
		}
	}
	return (last - first + 1) * perPane
}
