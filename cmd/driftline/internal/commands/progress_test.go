package commands

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/replay"
	"github.com/driftline/driftline/stream/wire"
)

// Without a terminal progress is lines: records of the range, rate, time left.
func TestBars_WithoutATerminal(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	b := newBars(&out, "replay")
	source := func(i int32) wire.Source { return wire.Source{Topic: "ml.events", Partition: i} }
	b.at(replay.Progress{Source: source(0), Start: 1000, Position: 1500, End: 3000, Clock: loop.Unset})
	if out.Len() > 0 {
		t.Errorf("told at once: %s", &out)
	}
	b.began, b.tell.last = b.began.Add(-10*time.Second), time.Time{}
	b.at(replay.Progress{Source: source(1), Start: 0, Position: 500, End: 1000, Clock: startMS})
	if want := regexp.MustCompile(`^replay: 1000 of 3000 records over 2 partitions, \d{2,3}/s, about (19|20|21)s left, event time 2026-01-01[^,]*\n$`); !want.MatchString(out.String()) {
		t.Errorf("%q does not match %s", out.String(), want)
	}
	out.Reset()
	b.tell.last = time.Time{}
	b.at(replay.Progress{Source: source(0), Start: 1000, Position: 1500, End: 3000, Clock: startMS, Closed: true}) // the range ends before the log
	if !strings.Contains(out.String(), "1000 of 1500 records") {
		t.Errorf("a partition read to the end of the range counts as unread: %s", &out)
	}
	out.Reset()
	b.tell.last = time.Time{}
	b.wrote(startMS + 60_000)
	if !strings.Contains(out.String(), ", written up to 2026-01-01") {
		t.Errorf("what is written is not told: %s", &out)
	}
	b.end()
}

// Rows whose end is not known are counted; a build tells every second, under its own name.
func TestBars_OfAReferenceBuild(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	b := newBars(&out, "reference")
	b.tell.every = time.Second
	b.tell.last = time.Now().Add(-900 * time.Millisecond)
	b.counted("file:train.csv", 4096)
	if out.Len() > 0 {
		t.Errorf("told before a second: %s", &out)
	}
	b.tell.last = time.Now().Add(-1100 * time.Millisecond)
	b.counted("file:train.csv", 8192)
	if want := "reference: file:train.csv: 8192 rows read\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	out.Reset()
	b.tell.last = time.Now().Add(-1100 * time.Millisecond)
	b.at(replay.Progress{Source: wire.Source{Topic: "ml.events"}, Position: 500, End: 1000, Clock: startMS})
	if !strings.HasPrefix(out.String(), "reference: 500 of 1000 records over 1 partitions") {
		t.Errorf("%q", out.String())
	}
	b.end()
}

func TestReplayJob_SaysHowToGoOn(t *testing.T) {
	t.Parallel()
	var f replayFlags
	f.from, f.to, f.model, f.memory, f.toSQL = "now-7d", "now-1d", "it's", "1GiB", true
	r, _, err := f.parse(time.UnixMilli(startMS))
	if err != nil {
		t.Fatal(err)
	}
	j := replayJob{r: r}
	if got, want := j.again(), `driftline replay --to-sql --from 2025-12-25T00:00:00.000Z --to 2025-12-31T00:00:00.000Z --model 'it'\''s'`; got != want {
		t.Errorf("go on with %s, want %s", got, want)
	}
	if again, _, err := (&replayFlags{from: "2025-12-25T00:00:00.000Z", to: "2025-12-31T00:00:00.000Z", model: "it's", memory: "1GiB", toSQL: true}).parse(time.Now()); err != nil || again != r {
		t.Errorf("the command names another range: %+v, %v; want %+v", again, err, r)
	}
}
