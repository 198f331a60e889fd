package logtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/driftline/driftline/stream/log"
)

// sessionCases hold for log.Session.
var sessionCases = []testCase{
	{"a session reads many partitions to their ends", sessionReads},
	{"a session goes on from inside a batch", sessionMidBatch},
	{"a session answers every ask also where there is nothing", sessionEmpty},
	{"a session sees what was appended meanwhile", sessionWaits},
	{"a session answers the good asks beside the bad ones", sessionBadAsks},
	{"a session reads other partitions when asked for others", sessionChanges},
	{"a session starves no partition behind a backlog", sessionBacklog},
	{"a session leaves aborted records out and counts them where they were", sessionAborted},
	{"an ended context ends a session's fetch", sessionContext},
	{"a closed session is unreachable", sessionClosed},
}

func (e *suite) session(t *testing.T) log.Session {
	t.Helper()
	s := e.Log.Session()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close session: %v", err)
		}
	})
	return s
}

// keep copies what a session lends.
func keep(recs []log.Record) []log.Record {
	out := make([]log.Record, len(recs))
	for i, r := range recs {
		r.Key, r.Value, r.Headers = bytes.Clone(r.Key), bytes.Clone(r.Value), bytes.Clone(r.Headers)
		out[i] = r
	}
	return out
}

// state is how far a session's reader is in one partition.
type state struct {
	recs    []log.Record
	end     int64
	aborted int64
}

// fetch does one fetch and moves the asks on, checking all that a session promises of
// every answer. errs holds the errors of asks.
func fetch(t *testing.T, s log.Session, asks []log.Ask, got map[log.Partition]*state, wait time.Duration) (errs []error) {
	t.Helper()
	if err := s.Fetch(ctx(t), asks, wait); err != nil {
		t.Fatalf("fetch %v: %v", asks, err)
	}
	answered, last := make([]int, len(asks)), -1
	next := make([]int64, len(asks))
	errs = make([]error, len(asks))
	for a, ok := s.Next(); ok; a, ok = s.Next() {
		ask := asks[a.Ask]
		if answered[a.Ask] > 0 && last != a.Ask {
			t.Fatalf("%s: its answers are no neighbours", ask.Partition)
		}
		if errs[a.Ask] != nil {
			t.Fatalf("%s: an answer behind the error %v", ask.Partition, errs[a.Ask])
		}
		from := ask.From
		if answered[a.Ask] > 0 {
			from = next[a.Ask]
		}
		last, next[a.Ask] = a.Ask, a.Next
		answered[a.Ask]++
		if errs[a.Ask] = a.Err; a.Err != nil {
			continue
		}
		checkBatch(t, a.Batch, ask.Partition, from)
		g := got[ask.Partition]
		if g == nil {
			g = &state{}
			got[ask.Partition] = g
		}
		g.recs, g.end, g.aborted = append(g.recs, keep(a.Records)...), a.End, g.aborted+int64(len(a.Aborted))
	}
	for i, n := range answered {
		if n == 0 {
			t.Fatalf("%s was not answered", asks[i].Partition)
		}
	}
	if _, ok := s.Next(); ok {
		t.Fatal("there is more behind the last answer")
	}
	for i := range asks {
		if errs[i] == nil {
			asks[i].From = next[i]
		}
	}
	return errs
}

// answered fetches until every ask has an answer, in one fetch: the leader of a partition
// that was just made may not know of it yet.
func answered(t *testing.T, s log.Session, asks []log.Ask, wait time.Duration) map[log.Partition]*state {
	t.Helper()
	for fetches := 0; ; fetches++ {
		got, again := map[log.Partition]*state{}, false
		for i, err := range fetch(t, s, asks, got, wait) {
			switch {
			case errors.Is(err, log.ErrAgain):
				again = true
			case err != nil:
				t.Fatalf("%s: %v", asks[i].Partition, err)
			}
		}
		if !again {
			return got
		}
		if fetches == 1000 {
			t.Fatalf("after 1000 fetches not every one of %v is answered", asks)
		}
	}
}

// readAll reads the asks to the ends of their partitions.
func readAll(t *testing.T, e *suite, s log.Session, asks []log.Ask) map[log.Partition]*state {
	t.Helper()
	got := map[log.Partition]*state{}
	ends := make([]int64, len(asks))
	for i, a := range asks {
		_, end, err := e.Log.Bounds(ctx(t), a.Partition)
		if err != nil {
			t.Fatal(err)
		}
		ends[i] = end
	}
	for fetches := 0; ; fetches++ {
		done := true
		for i := range asks {
			done = done && asks[i].From >= ends[i]
		}
		if done {
			return got
		}
		if fetches == 1000 {
			t.Fatalf("after 1000 fetches at %v, ends %v", asks, ends)
		}
		for i, err := range fetch(t, s, asks, got, e.Wait) {
			if err != nil && !errors.Is(err, log.ErrAgain) {
				t.Fatalf("%s: %v", asks[i].Partition, err)
			}
		}
	}
}

// varied makes records of many sizes, with and without keys, values and headers.
func varied(p log.Partition, n int, firstMS int64, rng *rand.Rand) []log.Record {
	recs := numbered(p, n, firstMS)
	for i := range recs {
		switch rng.IntN(5) {
		case 0:
			recs[i].Key = nil
		case 1:
			recs[i].Value = nil
		case 2:
			recs[i].Value = bytes.Repeat([]byte{byte(i)}, rng.IntN(3000))
		}
		if rng.IntN(3) == 0 {
			recs[i].Headers = header([]byte("content-type"), []byte("application/json"), []byte("n"), fmt.Append(nil, i))
		}
	}
	return recs
}

func sessionReads(t *testing.T, e *suite) {
	topic, other := e.topic(t, 3, nil), e.topic(t, 1, nil)
	rng := rand.New(rand.NewPCG(5, 5))
	want := map[log.Partition][]log.Record{}
	var asks []log.Ask
	for _, p := range []log.Partition{at(topic, 2), at(other, 0), at(topic, 0), at(topic, 1)} {
		asks = append(asks, log.Ask{Partition: p})
		for range 4 {
			recs := varied(p, 1+rng.IntN(300), e.NowMS()-1000, rng)
			want[p] = append(want[p], recs...)
			e.append(t, recs...)
		}
	}
	s := e.session(t)
	got := readAll(t, e, s, asks)
	for p, recs := range want {
		wantSame(t, got[p].recs, recs)
		for i, r := range got[p].recs {
			if r.Offset != int64(i) {
				t.Fatalf("%s: record %d has offset %d", p, i, r.Offset)
			}
		}
	}
	// The same buffers serve another reading.
	for i := range asks {
		asks[i].From = 0
	}
	got = readAll(t, e, s, asks)
	for p, recs := range want {
		wantSame(t, got[p].recs, recs)
	}
}

func sessionMidBatch(t *testing.T, e *suite) {
	topic := e.topic(t, 2, nil)
	p, q := at(topic, 0), at(topic, 1)
	wantP, wantQ := numbered(p, 100, e.NowMS()-1000), numbered(q, 100, e.NowMS()-1000)
	e.append(t, append(append([]log.Record(nil), wantP...), wantQ...)...)
	s := e.session(t)
	for _, from := range []int64{0, 1, 60, 99} {
		got := readAll(t, e, s, []log.Ask{{Partition: p, From: from}, {Partition: q, From: 99 - from}})
		wantSame(t, got[p].recs, wantP[from:])
		wantSame(t, got[q].recs, wantQ[99-from:])
	}
}

func sessionEmpty(t *testing.T, e *suite) {
	topic := e.topic(t, 3, nil)
	e.append(t, numbered(at(topic, 1), 7, e.NowMS())...)
	asks := []log.Ask{{Partition: at(topic, 0)}, {Partition: at(topic, 1), From: 7}}
	s := e.session(t)
	for _, wait := range []time.Duration{0, 20 * time.Millisecond} {
		got := answered(t, s, asks, wait)
		for _, a := range asks {
			if g := got[a.Partition]; len(g.recs) != 0 || g.end != a.From {
				t.Errorf("%s, wait %s: %d records, end %d; want none and %d", a.Partition, wait, len(g.recs), g.end, a.From)
			}
		}
	}
	if err := s.Fetch(ctx(t), nil, 0); err != nil {
		t.Errorf("no asks: %v", err)
	}
	if _, ok := s.Next(); ok {
		t.Error("no asks, but an answer")
	}
}

func sessionWaits(t *testing.T, e *suite) {
	topic := e.topic(t, 2, nil)
	done := make(chan error, 1)
	go func() { done <- e.Log.Append(ctx(t), numbered(at(topic, 1), 3, e.NowMS())) }()
	asks := []log.Ask{{Partition: at(topic, 0)}, {Partition: at(topic, 1)}}
	got := map[log.Partition]*state{}
	for s := e.session(t); asks[1].From < 3; {
		fetch(t, s, asks, got, e.Wait)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func sessionBadAsks(t *testing.T, e *suite) {
	topic := e.topic(t, 2, nil)
	good, beyond := at(topic, 0), at(topic, 1)
	want := numbered(good, 20, e.NowMS())
	e.append(t, want...)
	asks := []log.Ask{{Partition: beyond, From: 1000}, {Partition: good}, {Partition: at("conf.no.such.topic", 0)}, {Partition: at(topic, 2)}}
	s := e.session(t)
	got, seen := map[log.Partition]*state{}, make([]error, len(asks))
	for range 100 {
		for i, err := range fetch(t, s, asks, got, e.Wait) {
			if err != nil && !errors.Is(err, log.ErrAgain) {
				seen[i] = err
			}
		}
		if asks[1].From == 20 && seen[0] != nil && seen[2] != nil && seen[3] != nil {
			break
		}
	}
	wantSame(t, got[good].recs, want)
	for i, sentinel := range []error{log.ErrOutOfRange, nil, log.ErrNoTopic, log.ErrNoTopic} {
		if !errors.Is(seen[i], sentinel) {
			t.Errorf("%s from %d: %v, want %v", asks[i].Partition, asks[i].From, seen[i], sentinel)
		}
	}
	if e.Truncate == nil {
		return
	}
	e.append(t, numbered(beyond, 1, e.NowMS())...)
	e.append(t, numbered(beyond, 1, e.NowMS())...)
	e.Truncate(t, beyond, 1)
	asks = []log.Ask{{Partition: good, From: 20}, {Partition: beyond, From: 0}}
	for range 100 {
		if err := fetch(t, s, asks, got, e.Wait)[1]; !errors.Is(err, log.ErrAgain) {
			if !errors.Is(err, log.ErrOutOfRange) {
				t.Errorf("before the start: %v, want ErrOutOfRange", err)
			}
			return
		}
	}
	t.Error("before the start: never answered")
}

func sessionChanges(t *testing.T, e *suite) {
	topic := e.topic(t, 4, nil)
	want := map[log.Partition][]log.Record{}
	for i := range int32(4) {
		want[at(topic, i)] = numbered(at(topic, i), 50, e.NowMS())
		e.append(t, want[at(topic, i)]...)
	}
	s := e.session(t)
	for _, indexes := range [][]int32{{0}, {0, 1, 2}, {2, 3}, {3, 1, 0}} {
		var asks []log.Ask
		for _, i := range indexes {
			asks = append(asks, log.Ask{Partition: at(topic, i), From: int64(i)})
		}
		for p, g := range readAll(t, e, s, asks) {
			wantSame(t, g.recs, want[p][p.Index:])
		}
	}
	// What was not taken of a fetch is forgotten.
	asks := []log.Ask{{Partition: at(topic, 0)}, {Partition: at(topic, 1)}}
	if err := s.Fetch(ctx(t), asks, e.Wait); err != nil {
		t.Fatal(err)
	}
	if a, ok := s.Next(); !ok || a.Err != nil {
		t.Fatalf("first answer: %v, %v", ok, a.Err)
	}
	for p, g := range readAll(t, e, s, asks) {
		wantSame(t, g.recs, want[p])
	}
}

func sessionBacklog(t *testing.T, e *suite) {
	topic := e.topic(t, 3, nil)
	rng := rand.NewChaCha8([32]byte{2}) // bytes that no codec makes smaller
	for _, i := range []int32{0, 1} {
		recs := make([]log.Record, 4000)
		for j := range recs {
			v := make([]byte, 1000)
			_, _ = rng.Read(v) // never fails
			recs[j] = log.Record{Partition: at(topic, i), TimeMS: e.NowMS(), Value: v}
		}
		e.append(t, recs...)
	}
	e.append(t, numbered(at(topic, 2), 1, e.NowMS())...)
	asks := []log.Ask{{Partition: at(topic, 0)}, {Partition: at(topic, 1)}, {Partition: at(topic, 2)}}
	s, got := e.session(t), map[log.Partition]*state{}
	for range 3 {
		fetch(t, s, asks, got, e.Wait)
	}
	for _, a := range asks {
		if a.From == 0 {
			t.Errorf("after three fetches nothing of %s: %v", a.Partition, asks)
		}
	}
	for p, g := range readAll(t, e, s, asks) {
		if n := len(g.recs) + len(got[p].recs); p.Index < 2 && n != 4000 {
			t.Errorf("%s: %d records, want 4000", p, n)
		}
	}
}

func sessionAborted(t *testing.T, e *suite) {
	if e.Abort == nil {
		t.Skip("no way to abort a transaction here")
	}
	topic := e.topic(t, 2, nil)
	p, q := at(topic, 0), at(topic, 1)
	one := func(v string) log.Record { return log.Record{Partition: p, TimeMS: e.NowMS(), Value: []byte(v)} }
	e.append(t, one("a")) // 0
	e.Abort(t, p, 3)      // 1 to 3, marker 4
	e.append(t, one("b")) // 5
	e.append(t, one("c")) // 6
	e.Abort(t, p, 2)      // 7 and 8, marker 9
	e.append(t, one("d")) // 10
	e.append(t, numbered(q, 5, e.NowMS())...)
	s := e.session(t)
	for _, tt := range []struct {
		from, aborted int64
		want          string
	}{{0, 5, "abcd"}, {2, 4, "bcd"}, {4, 2, "bcd"}, {8, 1, "d"}} {
		got := readAll(t, e, s, []log.Ask{{Partition: p, From: tt.from}, {Partition: q}})
		var text string
		for _, r := range got[p].recs {
			text += string(r.Value)
		}
		if text != tt.want || got[p].aborted != tt.aborted || got[q].aborted != 0 || len(got[q].recs) != 5 {
			t.Errorf("from %d: %q and %d aborted, want %q and %d; the other partition %d and %d, want 5 and 0",
				tt.from, text, got[p].aborted, tt.want, tt.aborted, len(got[q].recs), got[q].aborted)
		}
	}
	// Each answer tells of aborted records within its own offsets.
	counts := map[int64]int64{} // aborted by the offset an answer begins at
	for from := int64(0); from < 11; {
		if err := s.Fetch(ctx(t), []log.Ask{{Partition: p, From: from}}, e.Wait); err != nil {
			t.Fatal(err)
		}
		for a, ok := s.Next(); ok; a, ok = s.Next() {
			if len(a.Aborted) > 0 {
				counts[from] += int64(len(a.Aborted))
				if len(a.Records) > 0 {
					t.Errorf("records %v and aborted ones %v in one answer", a.Records, a.Aborted)
				}
			}
			from = a.Next
		}
	}
	var sum int64
	for from, n := range counts {
		if sum += n; from == 0 || from == 5 || from == 6 || from >= 9 {
			t.Errorf("%d aborted from %d on", n, from)
		}
	}
	if sum != 5 {
		t.Errorf("%d aborted, want 5", sum)
	}
}

func sessionContext(t *testing.T, e *suite) {
	topic := e.topic(t, 2, nil)
	asks := []log.Ask{{Partition: at(topic, 0)}, {Partition: at(topic, 1)}}
	ended, cancel := context.WithCancel(ctx(t))
	cancel()
	s := e.session(t)
	if err := s.Fetch(ended, asks, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
	if _, ok := s.Next(); ok {
		t.Error("an answer behind a failed fetch")
	}
	e.append(t, numbered(at(topic, 1), 3, e.NowMS())...)
	got := readAll(t, e, s, asks) // and it goes on with another context
	if n := len(got[at(topic, 1)].recs); n != 3 {
		t.Errorf("%d records after that, want 3", n)
	}
}

func sessionClosed(t *testing.T, e *suite) {
	p := at(e.topic(t, 1, nil), 0)
	s := e.Log.Session()
	fetch(t, s, []log.Ask{{Partition: p}}, map[log.Partition]*state{}, 0)
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := s.Fetch(ctx(t), []log.Ask{{Partition: p}}, 0); !errors.Is(err, log.ErrUnreachable) {
		t.Errorf("fetch after close: %v, want ErrUnreachable", err)
	}
	l := e.Open(t)
	s = l.Session()
	if err := l.Close(); err != nil {
		t.Errorf("close the log: %v", err)
	}
	if err := s.Fetch(ctx(t), []log.Ask{{Partition: p}}, 0); !errors.Is(err, log.ErrUnreachable) {
		t.Errorf("fetch after the log was closed: %v, want ErrUnreachable", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func sessionAppendTime(t *testing.T, e *suite) {
	topic := e.topic(t, 2, map[string]string{"message.timestamp.type": "LogAppendTime"})
	before := e.NowMS()
	e.append(t, numbered(at(topic, 1), 5, 1_000)...)
	got := readAll(t, e, e.session(t), []log.Ask{{Partition: at(topic, 0)}, {Partition: at(topic, 1)}})
	recs := got[at(topic, 1)].recs
	if len(recs) != 5 {
		t.Fatalf("%d records, want 5", len(recs))
	}
	for _, r := range recs {
		if r.TimeMS < before-1000 || r.TimeMS > e.NowMS()+1000 {
			t.Errorf("record time %d, want the append's, %d to %d", r.TimeMS, before, e.NowMS())
		}
	}
}
