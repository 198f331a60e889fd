package commands

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/replay"
	"github.com/driftline/driftline/stream/wire"
)

// replayJob is one "driftline replay".
type replayJob struct {
	app    *cli.App
	parts  *app.Parts
	flags  replayFlags
	r      app.Range
	limit  int64 // bytes of a repair
	format cli.Format
}

func (j *replayJob) run(ctx context.Context) error {
	d, err := declared(ctx, j.parts)
	if err != nil {
		return err
	}
	if j.r.Model != "" && !d.View.Known(j.r.Model) {
		return cli.Usagef("--model: %q is not watched in this deployment; driftline models list shows what is", j.r.Model)
	}
	if j.r.Repair {
		if err := j.fits(ctx, d); err != nil {
			return err
		}
	}
	if j.flags.writes() {
		if err := j.parts.Settled(ctx, d.Layout, j.r); err != nil {
			return err
		}
		if err := j.parts.Own(ctx); err != nil {
			return err
		}
		return j.write(ctx, d)
	}
	if j.r.FromMS != loop.Unset {
		found, err := j.parts.OpenHistory(ctx)
		if err != nil {
			return err
		}
		if !found {
			j.note("no history at hand: alarms that were open before --from are unknown until they are resolved once")
		}
	}
	return j.print(ctx, d)
}

// note tells the user something beside the result.
func (j *replayJob) note(format string, args ...any) {
	// A remark that cannot be told is no reason to stop the work.
	_, _ = fmt.Fprintf(j.app.Err, "replay: "+format+"\n", args...)
}

// fits says how much memory a repair needs and refuses what is above the limit.
func (j *replayJob) fits(ctx context.Context, d *app.Declared) error {
	need, err := j.parts.RepairBytes(ctx, d, j.r)
	if err != nil {
		return err
	}
	if need > j.limit {
		return cli.Usagef("--repair: the counts of this range need about %s of memory, allowed are %s: take a shorter range, one --model, or a larger --max-memory",
			mebibytes(need), config.Size(j.limit))
	}
	j.note("the counts of this range need up to about %s of memory", mebibytes(need))
	return nil
}

func mebibytes(n int64) string {
	return strconv.FormatInt(max(1, (n+1<<20-1)>>20), 10) + " MiB"
}

// print shows what a replay finds and writes nothing.
func (j *replayJob) print(ctx context.Context, d *app.Declared) (err error) {
	show := newBars(j.app.Err, "replay")
	lines, sums := replay.NewSpool(0), newSums()
	defer func() { err = also(err, lines.Close) }()
	sink := func(batch []replay.Line) error {
		for _, l := range batch {
			if j.flags.json {
				if err := lines.Add(l); err != nil {
					return err
				}
			} else if err := sums.add(l); err != nil {
				return err
			}
		}
		return nil
	}
	err = j.parts.Replay(ctx, d.Layout, j.r, sink, show.at)
	show.end()
	switch {
	case err != nil && ctx.Err() != nil:
		return errors.New("stopped; nothing was written. The same command begins again")
	case err != nil:
		return err
	case j.flags.json:
		return lines.Write(j.app.Out)
	}
	return j.app.Print(j.format, sums.list(), sums.table)
}

// write replays into the history.
func (j *replayJob) write(ctx context.Context, d *app.Declared) error {
	show := newBars(j.app.Err, "replay")
	if at, found, err := j.parts.Stopped(ctx, d.Layout, j.r); err != nil {
		return err
	} else if found && !j.flags.anew {
		j.note("goes on where it was stopped: windows up to %s are written; --anew begins again", moment(at))
	}
	did, err := j.parts.Backfill(ctx, d.Layout, j.r, j.flags.anew, app.Watch{Read: show.at, Written: show.wrote})
	show.end()
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("stopped. What is written is whole; this goes on where it stood:\n%s", j.again())
	}
	if err != nil {
		return fmt.Errorf("%w\nWhat is written is whole; this goes on where it stood:\n%s", err, j.again())
	}
	return j.app.Print(j.format, did, func() cli.Table { return backfillTable(did) })
}

// again is the command that goes on, with times that do not move.
func (j *replayJob) again() string {
	words := []string{"driftline", "replay"}
	if j.r.Repair {
		words = append(words, "--repair")
	} else {
		words = append(words, "--to-sql")
	}
	if j.r.FromMS != loop.Unset {
		words = append(words, "--from", wire.RFC3339(j.r.FromMS))
	}
	if j.r.ToMS != loop.Never {
		words = append(words, "--to", wire.RFC3339(j.r.ToMS))
	}
	if j.r.Model != "" {
		words = append(words, "--model", "'"+strings.ReplaceAll(j.r.Model, "'", `'\''`)+"'")
	}
	return strings.Join(words, " ")
}

// backfillTable says what was done to the history.
func backfillTable(did app.Backfilled) cli.Table {
	t := cli.Table{Head: []string{"WHAT", "COUNT", "DETAIL"}}
	row := func(what string, n int64, detail string) {
		t.Rows = append(t.Rows, []string{what, strconv.FormatInt(n, 10), or(detail, unknown)})
	}
	more := func(what string, n int64, detail string) {
		if n > 0 {
			row(what, n, detail)
		}
	}
	if did.ResumedMS != nil {
		row("windows done by the run that was stopped", did.Skipped.Windows, "up to "+moment(*did.ResumedMS)+"; counted below")
	}
	row("windows looked at", did.Windows(), "")
	row("written", did.Written, "the history lacked them; marked as replayed")
	row("equal", did.Equal, "left as they are")
	more("equal counts", did.Alike, "left as they are; alarms, or what was learnt from windows before the range, differ")
	more("different", did.Differ, "left as they are; --repair restates them")
	more("restated", did.Restated, "a new revision; what they replaced is kept")
	more("restated before", did.Kept, "left as they are")
	more("refused", did.Refused, "cannot be stored; see the log")
	row("drift events written", did.EventsWritten, "marked as replayed; no alarm is raised")
	row("drift events equal", did.EventsEqual, "left as they are")
	more("drift events different", did.EventsDiffer, "left as they are")
	more("drift events that live operation did not tell", did.EventsUntold, "not written: what was told is not untold")
	if did.Largest != nil {
		row("largest change", 1, changeText(*did.Largest))
	}
	for _, c := range did.Changes {
		row("changed window", 1, changeText(c))
	}
	return t
}

func changeText(c app.Change) string {
	text := fmt.Sprintf("%s version %s, %s to %s: %d rows, were %d", nameOf(c.Model, c.Segment), c.Version, span(c.WindowMS), moment(c.EndMS), c.RowsNow, c.RowsWas)
	if c.Feature != "" {
		nano := func(n int64) string { return strconv.FormatFloat(float64(n)/1e9, 'f', 3, 64) }
		text += fmt.Sprintf("; PSI of %s %s, was %s", c.Feature, nano(c.PSINow), nano(c.PSIWas))
	}
	return text
}
