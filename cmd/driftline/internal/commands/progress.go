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
)

// lineEvery is how often progress is told where there is no terminal.
const lineEvery = 3 * time.Second

// ticker prints lines of progress, at most one every few seconds.
type ticker struct {
	w    io.Writer
	last time.Time
}

func newTicker(w io.Writer) *ticker { return &ticker{w: w, last: time.Now()} }

func (t *ticker) line(format string, args ...any) {
	if now := time.Now(); now.Sub(t.last) >= lineEvery {
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
	tell  *ticker
	draw  *mpb.Progress // nil without a terminal
	rows  map[log.Partition]*bar
	clock int64 // event time reached, epoch ms
}

type bar struct {
	draw     *mpb.Bar
	at, last int64 // offset read up to, and the end
}

func newBars(w io.Writer) *bars {
	b := &bars{tell: newTicker(w), rows: map[log.Partition]*bar{}}
	if terminal(w) {
		b.draw = mpb.New(mpb.WithOutput(w), mpb.WithWidth(40))
	}
	return b
}

// at notes that a partition is read up to a position.
func (b *bars) at(part log.Partition, position, end, clockMS int64) {
	r := b.rows[part]
	if r == nil {
		r = &bar{}
		b.rows[part] = r
		if b.draw != nil {
			r.draw = b.draw.AddBar(max(1, end), mpb.PrependDecorators(decor.Name(part.String()+" ")),
				mpb.AppendDecorators(decor.CountersNoUnit("%d of %d "), decor.AverageSpeed(0, "%.0f/s "), decor.AverageETA(decor.ET_STYLE_GO)))
		}
	}
	r.at, r.last = position, end
	if clockMS != loop.Unset {
		b.clock = max(b.clock, clockMS)
	}
	if r.draw != nil {
		r.draw.SetCurrent(position)
		return
	}
	read, all := int64(0), int64(0)
	for _, x := range b.rows {
		read, all = read+x.at, all+x.last
	}
	b.tell.line("replay: offset %d of %d over %d partitions, event time %s", read, all, len(b.rows), moment(b.clock))
}

// end takes the bars down; those that did not get full stay as they are.
func (b *bars) end() {
	if b.draw == nil {
		return
	}
	for _, r := range b.rows {
		if r.at < r.last {
			r.draw.Abort(false)
		} else {
			r.draw.SetTotal(-1, true)
		}
	}
	b.draw.Wait()
}
