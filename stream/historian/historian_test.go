package historian

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/memlog"
	"github.com/driftline/driftline/stream/wire"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var (
	errDown    = errors.New("database is down")
	errInvalid = errors.New("row cannot be stored")
)

// base is a database in memory: a Write is one transaction, rows are keyed by what
// they say, and an example group keeps the value of larger (time, place).
type base struct {
	offsets  map[log.Partition]int64
	rows     map[string]string
	examples map[string]Example
	outbox   []OutboxRow
	marked   map[int64]bool
	fault    func(op string) (before, after error) // what an operation meets; nil: nothing
	refuses  func(x Example) bool                  // rows that no transaction takes; nil: none
}

func newBase() *base {
	return &base{offsets: map[log.Partition]int64{}, rows: map[string]string{}, examples: map[string]Example{}, marked: map[int64]bool{}}
}

func (b *base) do(op string, effect func()) error {
	var before, after error
	if b.fault != nil {
		before, after = b.fault(op)
	}
	if before != nil {
		return before
	}
	effect()
	return after
}

func (b *base) Offsets(context.Context) (map[log.Partition]int64, error) {
	return maps.Clone(b.offsets), b.do("offsets", func() {})
}

func (b *base) Write(_ context.Context, rows Rows, next map[log.Partition]int64) error {
	if b.refuses != nil && slices.ContainsFunc(rows.Examples, b.refuses) {
		return errInvalid
	}
	return b.do("write", func() {
		for _, s := range rows.Scores {
			b.rows[fmt.Sprintf("score %s %s %s %d %d", s.Model, s.Version, s.Reference, s.WindowMS, s.EndMS)] = string(s.Encode())
		}
		for _, e := range rows.Events {
			b.rows["event "+e.ID] = string(e.Encode())
		}
		for _, l := range rows.Ledgers {
			b.rows[fmt.Sprintf("ledger %s %d", l.Source, l.Pane)] = string(l.Encode())
		}
		for _, m := range rows.Models {
			b.rows["model "+m.Name] = string(m.Encode())
		}
		for _, f := range rows.Frontiers {
			b.rows["frontier "+f.Source.String()] = string(f.Encode())
		}
		for _, x := range rows.Examples {
			b.example(x)
		}
		maps.Copy(b.offsets, next)
	})
}

func (b *base) example(x Example) {
	group := "features"
	switch {
	case x.Prediction != nil:
		group = "prediction"
	case x.Label != nil:
		group = "label"
	}
	k := x.Model + "/" + x.ID + "/" + group
	old, had := b.examples[k]
	if had && (x.EventMS < old.EventMS || x.EventMS == old.EventMS && x.Offset < old.Offset) {
		return
	}
	b.examples[k] = x
}

func (b *base) Outbox(context.Context, int) (rows []OutboxRow, err error) {
	err = b.do("outbox", func() {
		for _, r := range b.outbox {
			if !b.marked[r.ID] {
				rows = append(rows, r)
			}
		}
	})
	return rows, err
}

func (b *base) Published(_ context.Context, ids []int64, _ int64) error {
	return b.do("mark", func() {
		for _, id := range ids {
			b.marked[id] = true
		}
	})
}

// says describes everything the database holds.
func (b *base) says() string {
	var lines []string
	for k, v := range b.rows {
		lines = append(lines, k+": "+v)
	}
	for k, x := range b.examples {
		line := fmt.Sprintf("%s at %s@%d %d %q", k, x.At, x.Offset, x.EventMS, x.Features)
		if x.Label != nil {
			line += " label " + *x.Label
		}
		if x.Prediction != nil {
			line += fmt.Sprintf(" %s %s", x.Prediction.Version, x.Prediction.Class)
			if x.Prediction.Score != nil {
				line += fmt.Sprint(" ", *x.Prediction.Score)
			}
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return fmt.Sprintf("%q %v", lines, b.offsets)
}

var topics = Topics{Inputs: []string{"in", "labels"}, Panes: "panes", Scores: "scores", Drift: "drift", Control: "control"}

// fill writes some of everything.
func fill(t testing.TB, l *memlog.Log, seed uint64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	put := func(topic string, index int32, timeMS int64, key string, value []byte) {
		must(t, l.Write(log.Record{Partition: log.Partition{Topic: topic, Index: index}, TimeMS: timeMS, Key: []byte(key), Value: value}))
	}
	for i := range 60 {
		id := rng.IntN(15)
		put("in", int32(i%2), 1000+int64(i), "", fmt.Appendf(nil, `{"type":"prediction","model":"m","version":"1","id":"%d","ts":%d,"score":0.%d,"prediction":"a","features":{"x":%d}}`, id, 1000+rng.IntN(50), i, i))
		put("labels", 0, 2000+int64(i), "", fmt.Appendf(nil, `{"type":"label","model":"m","id":"%d","label":%d}`, id, i))
		put("in", 0, 5000, "", []byte("not JSON"))
		put("scores", 0, 1, "m", wire.Score{Model: "m", Version: "*", WindowMS: 60_000, EndMS: int64(i%20) * 60_000}.Encode())
		put("drift", 0, 1, "m", wire.NewEvent("n", "t", fmt.Sprint(i%10), "warning", 1, wire.EventData{Model: "m"}).Encode())
		put("panes", int32(i%2), 1, "_source", wire.Ledger{Source: wire.Source{Topic: "in"}, Pane: int64(i % 12)}.Encode())
		put("panes", int32(i%2), 1, "_frontier", wire.Frontier{Source: wire.Source{Topic: "in"}, Partitions: 1, UptoMS: 60}.Encode())
	}
	put("control", 0, 1, "model/m/1", wire.Model{Name: "m", FeaturesFrom: "prediction"}.Encode())
	put("control", 0, 1, "grid/m/1", []byte("no frame"))
}

func newInput(t testing.TB, seed uint64, block bool) *memlog.Log {
	t.Helper()
	l := memlog.New(memlog.Config{Block: block, MaxFetch: 7})
	for name, n := range map[string]int{"in": 2, "labels": 1, "panes": 2, "scores": 1, "drift": 1, "control": 1, "out": 1} {
		must(t, l.Create(log.Topic{Name: name, Partitions: n}))
	}
	fill(t, l, seed)
	return l
}

func config(keep Keep) Config {
	return Config{
		Topics: topics, Keep: func(string) Keep { return keep }, Wait: time.Second, NowMS: func() int64 { return 7 },
		Retry: func(err error) bool { return errors.Is(err, errDown) || errors.Is(err, log.ErrUnreachable) },
		Pause: func(ctx context.Context, _ int) error { return ctx.Err() },
	}
}

// life runs a historian until all is read, or it dies.
func life(t *testing.T, l log.Log, b *base, cfg Config) error {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	h := New(l, b, cfg)
	go func() { done <- h.Run(ctx) }()
	time.Sleep(time.Minute) // in the bubble's time
	cancel()
	if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// The process dies before or after any transaction, any number of times: rows and
// offsets stand in one transaction, so the database says the same in the end.
func TestHistorian_KilledAnywhereWritesTheSameRows(t *testing.T) {
	t.Parallel()
	errKilled := errors.New("killed")
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			l := newInput(t, seed, true)
			want := newBase()
			must(t, life(t, l.Handle(nil), want, config(KeepRows)))
			if len(want.rows) != 20+10+12+1+1 || len(want.examples) < 30 {
				t.Fatalf("seed %d: %d rows, %d example groups", seed, len(want.rows), len(want.examples))
			}
			got := newBase()
			rng := rand.New(rand.NewPCG(seed, 2))
			lives := 0
			for ; ; lives++ {
				got.fault = func(string) (before, after error) {
					if lives > 20 {
						return nil, nil
					}
					switch rng.IntN(12) {
					case 0:
						return errKilled, nil
					case 1:
						return nil, errKilled
					case 2:
						return errDown, nil
					case 3:
						return nil, errDown // stored, but said no
					}
					return nil, nil
				}
				if err := life(t, l.Handle(nil), got, config(KeepRows)); err == nil {
					break
				} else if !errors.Is(err, errKilled) {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}
			got.fault = nil
			if got.says() != want.says() {
				t.Errorf("seed %d, %d lives:\nwant %s\ngot  %s", seed, lives, want.says(), got.says())
			}
		})
	}
}

// After the database was away for an hour everything is caught up.
func TestFault_DatabaseDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newInput(t, 1, true)
		want, got := newBase(), newBase()
		must(t, life(t, l.Handle(nil), want, config(KeepRows)))
		back := time.Now().Add(time.Hour)
		got.fault = func(string) (error, error) {
			if time.Now().Before(back) {
				return errDown, nil
			}
			return nil, nil
		}
		cfg := config(KeepRows)
		tries := 0
		cfg.Pause = func(context.Context, int) error { time.Sleep(5 * time.Second); return nil }
		cfg.Retried = func(string, int, error) { tries++ }
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- New(l.Handle(nil), got, cfg).Run(ctx) }()
		time.Sleep(2 * time.Hour)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("the run ended with %v, want the context's end", err)
		}
		if got.says() != want.says() || tries < 700 {
			t.Errorf("%d tries, then\n%s", tries, got.says())
		}
	})
}

func TestHistorian_KeepsWhatEachModelAsksFor(t *testing.T) {
	t.Parallel()
	for keep, want := range map[Keep][3]bool{KeepNothing: {}, KeepScores: {false, true, true}, KeepRows: {true, true, true}} {
		synctest.Test(t, func(t *testing.T) {
			b := newBase()
			must(t, life(t, newInput(t, 3, true).Handle(nil), b, config(keep)))
			var got [3]bool
			for _, x := range b.examples {
				got[0] = got[0] || x.Features != ""
				got[1] = got[1] || x.Prediction != nil
				got[2] = got[2] || x.Label != nil
			}
			if got != want {
				t.Errorf("keep %d: features, predictions, labels %v, want %v", keep, got, want)
			}
		})
	}
}

// A row that the database can never take is left out and told; all others and the
// offsets are written.
func TestHistorian_ARowThatCannotBeStoredStopsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newInput(t, 5, true)
		want, got := newBase(), newBase()
		must(t, life(t, l.Handle(nil), want, config(KeepRows)))
		var bad string // one id that stands in the input
		for _, k := range slices.Sorted(maps.Keys(want.examples)) {
			bad = want.examples[k].ID
			break
		}
		got.refuses = func(x Example) bool { return x.ID == bad }
		refused := 0
		cfg := config(KeepRows)
		cfg.Invalid = func(err error) bool { return errors.Is(err, errInvalid) }
		cfg.Refused = func(error) { refused++ }
		must(t, life(t, l.Handle(nil), got, cfg))
		maps.DeleteFunc(want.examples, func(_ string, x Example) bool { return x.ID == bad })
		if refused == 0 || got.says() != want.says() {
			t.Errorf("%d rows refused, then\n%s\nwant\n%s", refused, got.says(), want.says())
		}
	})
}

// A crash between the append and the mark repeats the records of the outbox; none is
// left out, and their order stays.
func TestOutbox_IsRepeatedAfterACrashBetweenAppendAndMark(t *testing.T) {
	t.Parallel()
	errKilled := errors.New("killed")
	l, b := newInput(t, 1, false), newBase()
	for id := range int64(5) {
		b.outbox = append(b.outbox, OutboxRow{ID: id, Kind: "promoted", Ref: fmt.Sprint(id)})
	}
	cfg := config(KeepNothing)
	cfg.Render = func(r OutboxRow) ([]log.Record, error) {
		if r.ID == 3 {
			return nil, nil // of no interest outside
		}
		return []log.Record{{Partition: log.Partition{Topic: "out"}, TimeMS: 1, Key: []byte(r.Ref), Value: []byte(r.Kind)}}, nil
	}
	crash := true
	b.fault = func(op string) (error, error) {
		if op == "mark" && crash {
			return errKilled, nil
		}
		return nil, nil
	}
	h := New(l.Handle(nil), b, cfg)
	if _, err := h.PublishOutbox(t.Context()); !errors.Is(err, errKilled) {
		t.Fatalf("error %v, want the crash", err)
	}
	crash = false
	if n, err := h.PublishOutbox(t.Context()); n != 5 || err != nil {
		t.Fatalf("%d rows, %v", n, err)
	}
	if n, err := h.PublishOutbox(t.Context()); n != 0 || err != nil {
		t.Fatalf("marked rows are published again: %d, %v", n, err)
	}
	var keys string
	for _, r := range l.Records(log.Partition{Topic: "out"}) {
		keys += string(r.Key)
	}
	if keys != "01240124" {
		t.Errorf("published %s, want 0124 twice", keys)
	}
}
