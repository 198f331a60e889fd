package commands

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
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
