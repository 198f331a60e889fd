package commands

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/replay"
	"github.com/driftline/driftline/stream/wire"
)

// lineEvery is how often progress is told where there is no terminal.
const lineEvery = 3 * time.Second

// ticker prints lines of progress, at most one every few seconds.
type ticker struct {
	w     io.Writer
	last  time.Time
	every time.Duration
}

func newTicker(w io.Writer) *ticker { return &ticker{w: w, last: time.Now(), every: lineEvery} }

func (t *ticker) line(format string, args ...any) {
	if now := time.Now(); now.Sub(t.last) >= t.every {
		t.last = now
		// Progress that cannot be told is no reason to stop the work.
		_, _ = fmt.Fprintf(t.w, format+"\n", args...)
	}
}

// terminal tells whether w is one that bars can be drawn on.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// bars show how far each partition is: bars on a terminal, else a line every few
// seconds. For one goroutine.
type bars struct {
	name  string // of the work, for lines
	tell  *ticker
	began time.Time
	draw  *mpb.Progress // nil without a terminal
	rows  map[wire.Source]*bar
	clock int64 // event time reached, epoch ms
	done  int64 // event time written up to, 0 before and where nothing is written
	count *mpb.Bar
}

type bar struct {
	draw      *mpb.Bar
	read, all int64 // records of the partition's part of the range; offsets, so holes count
}

func newBars(w io.Writer, name string) *bars {
	b := &bars{name: name, tell: newTicker(w), began: time.Now(), rows: map[wire.Source]*bar{}}
	if terminal(w) {
		b.draw = mpb.New(mpb.WithOutput(w), mpb.WithWidth(40))
	}
	return b
}

// at notes how far a partition is read.
func (b *bars) at(p replay.Progress) {
	r := b.rows[p.Source]
	if r == nil {
		r = &bar{}
		b.rows[p.Source] = r
		if b.draw != nil {
			name := log.Partition{Topic: p.Source.Topic, Index: p.Source.Partition}.String()
			r.draw = b.draw.AddBar(max(1, p.End-p.Start), mpb.PrependDecorators(decor.Name(name+" ")),
				mpb.AppendDecorators(decor.CountersNoUnit("%d of %d "), decor.AverageSpeed(0, "%.0f/s "), decor.AverageETA(decor.ET_STYLE_GO)))
		}
	}
	r.read, r.all = p.Position-p.Start, p.End-p.Start
	if p.Closed { // the range ends before the log does
		r.all = r.read
	}
	if p.Clock != loop.Unset {
		b.clock = max(b.clock, p.Clock)
	}
	if r.draw != nil {
		if p.Closed {
			r.draw.SetTotal(max(1, r.all), false)
		}
		r.draw.SetCurrent(r.read)
		return
	}
	b.line()
}

// counted notes how many rows of something are read whose end is not known.
func (b *bars) counted(what string, rows int) {
	if b.draw == nil {
		b.tell.line("%s: %s: %d rows read", b.name, what, rows)
		return
	}
	if b.count == nil {
		b.count = b.draw.New(0, mpb.SpinnerStyle(), mpb.PrependDecorators(decor.Name(what+" ")),
			mpb.AppendDecorators(decor.CurrentNoUnit("%d rows "), decor.AverageSpeed(0, "%.0f/s")))
	}
	b.count.SetCurrent(int64(rows))
}

// wrote notes that windows up to an event time are written.
func (b *bars) wrote(atMS int64) {
	b.done = max(b.done, atMS)
	if b.draw == nil {
		b.line()
	}
}

// line tells the sum over all partitions.
func (b *bars) line() {
	read, all := int64(0), int64(0)
	for _, x := range b.rows {
		read, all = read+x.read, all+x.all
	}
	spent := time.Since(b.began)
	rate, left := float64(read)/max(spent.Seconds(), 1e-3), "unknown time"
	if rate > 0 {
		left = (time.Duration(float64(all-read) / rate * float64(time.Second))).Round(time.Second).String()
	}
	written := ""
	if b.done > 0 {
		written = ", written up to " + moment(b.done)
	}
	b.tell.line("%s: %d of %d records over %d partitions, %.0f/s, about %s left, event time %s%s", b.name, read, all, len(b.rows), rate, left, moment(b.clock), written)
}

// end takes the bars down; those that did not get full stay as they are.
func (b *bars) end() {
	if b.draw == nil {
		return
	}
	for _, r := range b.rows {
		if r.read < r.all {
			r.draw.Abort(false)
		} else {
			r.draw.SetTotal(-1, true)
		}
	}
	if b.count != nil {
		b.count.SetTotal(-1, true)
	}
	b.draw.Wait()
}
