package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/replay"
	"github.com/driftline/driftline/stream/wire"
)

// backfillRows is how many rows one transaction of a backfill writes.
const backfillRows = 500

// shownChanges bounds the windows that a backfill names one by one.
const shownChanges = 10

// Backfilled is what a replay did to the history.
type Backfilled struct {
	store.BackfillCounts
	Refused int64    `json:"refused"` // rows that can never be stored, as live operation leaves them out
	Largest *Change  `json:"largest_change,omitempty"`
	Changes []Change `json:"changes,omitempty"` // the first few windows that the history had otherwise
	// ResumedMS is the event time up to which an earlier run of the same command had
	// written everything, Skipped what it had done; nil where there was none.
	ResumedMS *int64          `json:"resumed_ms,omitempty"`
	Skipped   *BackfilledPart `json:"skipped,omitempty"`
}

// BackfilledPart is what an earlier run had done.
type BackfilledPart struct {
	Windows int64 `json:"windows"`
	Events  int64 `json:"events"`
}

// Change is one window that the history had otherwise.
type Change struct {
	Model    string `json:"model"`
	Version  string `json:"version"`
	Segment  string `json:"segment,omitempty"` // the part of the traffic, "" for all of it
	WindowMS int64  `json:"window_ms"`
	EndMS    int64  `json:"end_ms"`
	RowsWas  uint64 `json:"rows_was"`
	RowsNow  uint64 `json:"rows_now"`
	// Feature is the one whose PSI moved most, PSIWas and PSINow in nano-units; "" where none has one.
	Feature string `json:"feature,omitempty"`
	PSIWas  int64  `json:"psi_was_nano,omitempty"`
	PSINow  int64  `json:"psi_now_nano,omitempty"`
}

// Windows are the windows that were looked at.
func (b *Backfilled) Windows() int64 {
	return b.Written + b.Equal + b.Alike + b.Differ + b.Restated + b.Kept
}

// Events are the drift events that were looked at.
func (b *Backfilled) Events() int64 {
	return b.EventsWritten + b.EventsEqual + b.EventsDiffer + b.EventsUntold
}

// Watch is told how a replay into the history goes; each may be nil.
type Watch struct {
	Read    func(replay.Progress)
	Written func(atMS int64) // event time up to which a part of the models is written
}

// ReplayID names a replay into the history by what was asked for.
func (p *Parts) ReplayID(r Range) string {
	mode := "backfill"
	if r.Repair {
		mode = "repair"
	}
	n := func(x int64) []byte { return strconv.AppendInt(nil, x, 10) }
	return sketches.HashFields([]byte(mode), []byte(p.Cfg.Namespace), []byte(r.Model), n(r.FromMS), n(r.ToMS)).String()
}

// Backfill replays the range into the history. A run that was stopped goes on where it
// stood when the same range is asked for again, unless anew. It touches scores, drift
// events and its own place, in one transaction per batch: no topic, no alarm, no
// outbox, so that nothing is triggered and nobody is told.
func (p *Parts) Backfill(ctx context.Context, l wire.Layout, r Range, anew bool, watch Watch) (Backfilled, error) {
	cfg := p.replayConfig(l, r)
	w := &backfill{p: p, id: p.ReplayID(r), repair: r.Repair, written: watch.Written}
	if err := w.resume(ctx, &cfg, anew); err != nil {
		return w.did, err
	}
	var err error
	if cfg.Alarms, err = p.pastAlarms(ctx, l, r); err != nil {
		return w.did, err
	}
	cfg.Progress, cfg.Sink = watch.Read, w.write
	if _, err := replay.Run(ctx, p.IO(), cfg); err != nil {
		return w.did, err
	}
	err = p.Store.Tx(ctx, func(t *store.Tx) error {
		if err := t.DeleteReplay(ctx, w.id); err != nil || !w.did.Changed() {
			return err
		}
		action, ends := "history.backfill", func(ms int64) string {
			if ms == loop.Unset || ms == loop.Never {
				return "all"
			}
			return wire.RFC3339(ms)
		}
		if r.Repair {
			action = "history.repair"
		}
		return t.Audit(store.WithActor(ctx, "replay"), action, "range:"+ends(r.FromMS)+"/"+ends(r.ToMS)+"/"+r.Model, nil, w.did.BackfillCounts)
	})
	return w.did, err
}

// Stopped returns the event time up to which a run of the range that was stopped has
// written everything; found is false where there was none.
func (p *Parts) Stopped(ctx context.Context, l wire.Layout, r Range) (atMS int64, found bool, err error) {
	old, found, err := p.Store.Replay(ctx, p.ReplayID(r))
	if err != nil || !found {
		return 0, false, err
	}
	return stoppedAt(old, l, r.FromMS), true, nil
}

// stoppedAt is the smallest of the places; 0 where a partition had none yet and the
// range has no beginning.
func stoppedAt(old store.Replay, l wire.Layout, fromMS int64) int64 {
	if len(old.Places) < int(l.PanesPartitions) {
		return max(fromMS, 0)
	}
	at := loop.Never
	for _, place := range old.Places {
		at = min(at, place.AtMS)
	}
	return at
}

// backfill writes the batches of one replay.
type backfill struct {
	p       *Parts
	id      string
	repair  bool
	written func(atMS int64)
	did     Backfilled
}

// resume reads where an earlier run of the same command stood.
func (w *backfill) resume(ctx context.Context, cfg *replay.Config, anew bool) error {
	if anew {
		return w.p.Store.Tx(ctx, func(t *store.Tx) error { return t.DeleteReplay(ctx, w.id) })
	}
	old, found, err := w.p.Store.Replay(ctx, w.id)
	if err != nil || !found {
		return err
	}
	if err := json.Unmarshal([]byte(old.Counts), &w.did); err != nil {
		return fmt.Errorf("what the run that was stopped had done: %w; --anew begins again", err)
	}
	cfg.Resume = make([]*wire.Past, cfg.Layout.PanesPartitions)
	for _, place := range old.Places {
		if place.Part < 0 || int(place.Part) >= len(cfg.Resume) {
			return fmt.Errorf("where the run that was stopped stood: partition %d of %d; --anew begins again", place.Part, len(cfg.Resume))
		}
		past, err := wire.DecodePast([]byte(place.State))
		if err != nil {
			return fmt.Errorf("where the run that was stopped stood: %w; --anew begins again", err)
		}
		cfg.Resume[place.Part] = &past
	}
	at := stoppedAt(old, cfg.Layout, cfg.FromMS)
	w.did.ResumedMS, w.did.Skipped = &at, &BackfilledPart{Windows: w.did.Windows(), Events: w.did.Events()}
	return nil
}

// write is the replay's sink: rows first, the place with the last of them.
func (w *backfill) write(ctx context.Context, b replay.Batch) error {
	state := string(b.Past().Encode())
	lines := b.Lines
	for {
		n := min(len(lines), backfillRows)
		did, err := w.chunk(ctx, lines[:n], func(t *store.Tx, did Backfilled) error {
			if n < len(lines) {
				return nil
			}
			counts, err := json.Marshal(did)
			if err != nil {
				return fmt.Errorf("counts: %w", err)
			}
			return t.PutReplay(ctx, store.Replay{ID: w.id, Counts: string(counts), Places: []store.ReplayPlace{{Part: b.Partition, AtMS: b.AtMS, State: state}}})
		})
		if err != nil {
			return fmt.Errorf("write %d rows of windows up to %s: %w", n, wire.RFC3339(b.AtMS), err)
		}
		w.did = did
		if lines = lines[n:]; len(lines) > 0 {
			continue
		}
		if w.written != nil {
			w.written(b.AtMS)
		}
		return nil
	}
}

// chunk writes a few lines and what place adds in one transaction. Where one of the
// lines can never be stored, the others are written one by one, as live operation does.
func (w *backfill) chunk(ctx context.Context, lines []replay.Line, place func(*store.Tx, Backfilled) error) (Backfilled, error) {
	did, err := w.put(ctx, lines, w.did, place)
	if !isInvalid(err) {
		return did, err
	}
	did = w.did
	for i := range lines {
		next, err := w.put(ctx, lines[i:i+1], did, func(*store.Tx, Backfilled) error { return nil })
		switch {
		case isInvalid(err):
			w.p.Log.Error().Err(err).Msg("a row cannot be stored and is left out of the history")
			did.Refused++
		case err != nil:
			return did, err
		default:
			did = next
		}
	}
	return w.put(ctx, nil, did, place)
}

func (w *backfill) put(ctx context.Context, lines []replay.Line, did Backfilled, place func(*store.Tx, Backfilled) error) (Backfilled, error) {
	batch := store.Backfill{Restate: w.repair}
	for _, line := range lines {
		if line.Kind == replay.KindScore {
			s, err := wire.DecodeScore(line.Value)
			if err != nil {
				return did, err
			}
			batch.Scores = append(batch.Scores, scoreRow(s))
			continue
		}
		e, err := wire.DecodeEvent(line.Value)
		if err != nil {
			return did, err
		}
		batch.Events = append(batch.Events, eventRow(e))
	}
	var out Backfilled
	err := w.p.Store.Tx(ctx, func(t *store.Tx) error {
		out = did // a transaction may be tried again
		out.Changes = slices.Clone(did.Changes)
		batch.Compare = func(have store.ScoreRow, found *store.ScoreRow) (store.Likeness, error) {
			return w.compare(&out, have, found)
		}
		counts, err := t.Backfill(ctx, batch)
		if err != nil {
			return err
		}
		out.Add(counts)
		return place(t, out)
	})
	if err != nil {
		return did, err
	}
	return out, nil
}

// compare compares what the history says of a window with what the replay says, and
// notes how they differ. Restating leaves the alarms as they stood: they are what was
// told.
func (w *backfill) compare(did *Backfilled, have store.ScoreRow, found *store.ScoreRow) (store.Likeness, error) {
	if have.Body == found.Body {
		return store.Same, nil
	}
	was, err := wire.DecodeScore([]byte(have.Body))
	if err != nil {
		return store.Different, err
	}
	now, err := wire.DecodeScore([]byte(found.Body))
	if err != nil {
		return store.Different, err
	}
	if w.repair {
		now.Alarms, now.Early, now.Cadence, now.Moving = was.Alarms, was.Early, was.Cadence, was.Moving
		found.Body, found.AlarmPhase = string(now.Encode()), have.AlarmPhase
		if found.Body == have.Body {
			return store.Same, nil
		}
	}
	switch {
	case bytes.Equal(counted(was), counted(now)):
		return store.Alike, nil
	case !w.repair && have.Revision > 0:
		return store.Different, nil // restated before: no news
	}
	c := change(was, now)
	if len(did.Changes) < shownChanges {
		did.Changes = append(did.Changes, c)
	}
	if did.Largest == nil || c.larger(did.Largest) {
		did.Largest = &c
	}
	return store.Different, nil
}

// counted is the part of a score that follows from the counts of its window alone. The
// rest also depends on windows before: alarms, moving references, and the dependence of records where it
// is learnt from live windows, which a replay from the middle may not know.
func counted(s wire.Score) []byte {
	s.Alarms, s.Early, s.Cadence, s.Moving, s.Drifted, s.Judged = nil, nil, nil, nil, 0, 0
	if wire.Moves(s.ReferenceKind) { // made of windows before, all of it
		s.Features, s.State, s.Reason, s.ReferenceDigest, s.ReferenceFromMS, s.ReferenceToMS, s.ReferenceRows = nil, "", "", "", 0, 0, 0
	}
	features := make([]wire.FeatureScore, len(s.Features))
	for i, f := range s.Features {
		features[i] = wire.FeatureScore{
			Name: f.Name, Kind: f.Kind, N: f.N, M: f.M, PSI: f.PSI, KSLow: f.KSLow, KSHigh: f.KSHigh, JS: f.JS, Hellinger: f.Hellinger,
			TVD: f.TVD, LInf: f.LInf, Null: f.Null, Outside: f.Outside, Unseen: f.Unseen,
		}
	}
	s.Features = features
	return s.Encode()
}

// change finds the feature whose PSI moved most.
func change(was, now wire.Score) Change {
	c := Change{Model: now.Model, Version: now.Version, Segment: now.Segment, WindowMS: now.WindowMS, EndMS: now.EndMS, RowsWas: was.Rows, RowsNow: now.Rows}
	before := map[string]int64{}
	for _, f := range was.Features {
		if f.PSI != nil {
			before[f.Name] = *f.PSI
		}
	}
	for _, f := range now.Features {
		old, had := before[f.Name]
		if f.PSI == nil || !had {
			continue
		}
		if c.Feature == "" || abs(*f.PSI-old) > abs(c.PSINow-c.PSIWas) {
			c.Feature, c.PSIWas, c.PSINow = f.Name, old, *f.PSI
		}
	}
	return c
}

// larger orders changes by how far a PSI moved, then by rows.
func (c *Change) larger(o *Change) bool {
	if a, b := abs(c.PSINow-c.PSIWas), abs(o.PSINow-o.PSIWas); a != b {
		return a > b
	}
	return abs(int64(c.RowsNow-c.RowsWas)) > abs(int64(o.RowsNow-o.RowsWas))
}

func abs(x int64) int64 { return max(x, -x) }
