package logtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/driftline/driftline/stream/log"
)

func topicsMadeOnce(t *testing.T, e *suite) {
	name := e.topic(t, 3, nil)
	e.append(t, log.Record{Partition: at(name, 2), TimeMS: e.NowMS(), Value: []byte("kept")})
	again := []log.Topic{{Name: name, Partitions: 5}, {Name: name + ".b", Partitions: 1}}
	if err := e.Log.CreateTopics(ctx(t), again); err != nil {
		t.Fatalf("create again, with a new one beside it: %v", err)
	}
	for topic, want := range map[string]int{name: 3, name + ".b": 1} {
		if n, err := e.Log.Partitions(ctx(t), topic); n != want || err != nil {
			t.Errorf("%s: %d partitions, %v; want %d", topic, n, err, want)
		}
	}
	if recs, _ := read(t, e.Log, at(name, 2), 0, e.Wait); len(recs) != 1 {
		t.Errorf("%d records after creating again, want the 1 from before", len(recs))
	}
	if err := e.Log.CreateTopics(ctx(t), []log.Topic{{Name: name + ".c", Partitions: 0}}); err == nil {
		t.Error("a topic without partitions was made")
	}
}

func unknownTopic(t *testing.T, e *suite) {
	few := e.topic(t, 1, nil)
	for _, p := range []log.Partition{at("conf.no.such.topic", 0), at(few, 1), at(few, -1)} {
		_, _, boundsErr := e.Log.Bounds(ctx(t), p)
		_, fetchErr := e.Log.Fetch(ctx(t), p, 0, 0)
		_, atErr := e.Log.OffsetAt(ctx(t), p, 1)
		appendErr := e.Log.Append(ctx(t), []log.Record{{Partition: p, TimeMS: e.NowMS()}})
		for call, err := range map[string]error{"bounds": boundsErr, "fetch": fetchErr, "offset at": atErr, "append": appendErr} {
			if !errors.Is(err, log.ErrNoTopic) {
				t.Errorf("%s of %s: %v, want ErrNoTopic", call, p, err)
			}
		}
		if o, err := e.Log.Committed(ctx(t), "conf.group", p); o != -1 || err != nil {
			t.Errorf("committed on %s: %d, %v; want −1", p, o, err)
		}
	}
	if _, err := e.Log.Partitions(ctx(t), "conf.no.such.topic"); !errors.Is(err, log.ErrNoTopic) {
		t.Errorf("partitions: %v, want ErrNoTopic", err)
	}
	if _, err := e.Log.TopicConfig(ctx(t), "conf.no.such.topic"); !errors.Is(err, log.ErrNoTopic) {
		t.Errorf("configuration: %v, want ErrNoTopic", err)
	}
}

func topicConfig(t *testing.T, e *suite) {
	set := map[string]string{
		"cleanup.policy": "delete", "retention.ms": "86400000", "retention.bytes": "1000000",
		"message.timestamp.before.max.ms": "180000", "message.timestamp.after.max.ms": "60000",
	}
	cfg, err := e.Log.TopicConfig(ctx(t), e.topic(t, 1, set))
	if err != nil {
		t.Fatal(err)
	}
	for k, want := range set {
		if cfg[k] != want {
			t.Errorf("%s = %q, want %q", k, cfg[k], want)
		}
	}
	// Retention means nothing to a topic that is only compacted, and need not be kept.
	cfg, err = e.Log.TopicConfig(ctx(t), e.topic(t, 1, map[string]string{"cleanup.policy": "compact"}))
	if err != nil || cfg["cleanup.policy"] != "compact" {
		t.Errorf("policy %q, %v; want compact", cfg["cleanup.policy"], err)
	}
	cfg, err = e.Log.TopicConfig(ctx(t), e.topic(t, 1, nil))
	if err != nil || cfg["cleanup.policy"] != "delete" || cfg["message.timestamp.type"] != "CreateTime" {
		t.Errorf("defaults: %v, policy %q, timestamps %q; want delete and CreateTime", err, cfg["cleanup.policy"], cfg["message.timestamp.type"])
	}
}

func roundTrip(t *testing.T, e *suite) {
	p := at(e.topic(t, 2, nil), 1)
	want := numbered(p, 100, e.NowMS()-1000)
	e.append(t, want[:60]...)
	e.append(t, want[60:]...)
	got, _ := read(t, e.Log, p, 0, e.Wait)
	wantSame(t, got, want)
	for i, r := range got {
		if r.Offset != int64(i) {
			t.Fatalf("record %d has offset %d", i, r.Offset)
		}
	}
	if start, end, err := e.Log.Bounds(ctx(t), p); start != 0 || end != 100 || err != nil {
		t.Errorf("bounds %d to %d, %v; want 0 to 100", start, end, err)
	}
	if start, end, err := e.Log.Bounds(ctx(t), at(p.Topic, 0)); start != 0 || end != 0 || err != nil {
		t.Errorf("bounds of the other partition %d to %d, %v; want 0 to 0", start, end, err)
	}
}

func nils(t *testing.T, e *suite) {
	p := at(e.topic(t, 1, nil), 0)
	now := e.NowMS()
	want := []log.Record{
		{Partition: p, TimeMS: now},
		{Partition: p, TimeMS: now, Key: []byte{}, Value: []byte{}},
		{Partition: p, TimeMS: now, Key: []byte("k")},
		{Partition: p, TimeMS: now, Value: []byte("v")},
		{Partition: p, TimeMS: now, Key: []byte{0, 255}, Value: []byte{0}},
	}
	e.append(t, want...)
	got, _ := read(t, e.Log, p, 0, e.Wait)
	wantSame(t, got, want)
}

// header encodes a list of headers by hand; a nil value is null.
func header(kv ...[]byte) []byte {
	b := binary.AppendVarint(nil, int64(len(kv)/2))
	for _, s := range kv {
		if s == nil {
			b = binary.AppendVarint(b, -1)
			continue
		}
		b = append(binary.AppendVarint(b, int64(len(s))), s...)
	}
	return b
}

func headers(t *testing.T, e *suite) {
	p := at(e.topic(t, 1, nil), 0)
	now := e.NowMS()
	want := []log.Record{
		{Partition: p, TimeMS: now, Value: []byte("v"), Headers: header([]byte("ce_id"), []byte("7"))},
		{Partition: p, TimeMS: now, Value: []byte("v")},
		{Partition: p, TimeMS: now, Headers: header([]byte("a"), nil, []byte("a"), []byte{}, []byte(""), []byte{0, 255})},
		{Partition: p, TimeMS: now, Key: []byte("k"), Headers: header([]byte("long"), bytes.Repeat([]byte("x"), 5000))},
	}
	e.append(t, want...)
	got, _ := read(t, e.Log, p, 0, e.Wait)
	wantSame(t, got, want)
	e.append(t, log.Record{Partition: p, TimeMS: now, Headers: header()}) // a list of none is none
	got, _ = read(t, e.Log, p, 4, e.Wait)
	wantSame(t, got, []log.Record{{Partition: p, TimeMS: now}})
}

func brokenHeaders(t *testing.T, e *suite) {
	p := at(e.topic(t, 1, nil), 0)
	whole := header([]byte("key"), []byte("value"))
	for name, b := range map[string][]byte{
		"cut": whole[:len(whole)-1], "longer": append(bytes.Clone(whole), 0), "a null key": header(nil, nil),
		"a negative count": binary.AppendVarint(nil, -1), "a count alone": binary.AppendVarint(nil, 3),
		"a huge count": binary.AppendVarint(nil, 1<<40), "no varint": {0xff},
	} {
		err := e.Log.Append(ctx(t), []log.Record{{Partition: p, TimeMS: e.NowMS()}, {Partition: p, TimeMS: e.NowMS(), Headers: b}})
		if !errors.Is(err, log.ErrHeaders) {
			t.Errorf("%s: %v, want ErrHeaders", name, err)
		}
	}
	if _, end, err := e.Log.Bounds(ctx(t), p); end != 0 || err != nil {
		t.Errorf("end %d, %v; want nothing stored", end, err)
	}
}

func noTime(t *testing.T, e *suite) {
	p := at(e.topic(t, 1, map[string]string{"message.timestamp.before.max.ms": "180000", "message.timestamp.after.max.ms": "60000"}), 0)
	want := []log.Record{{Partition: p, TimeMS: log.NoTime, Value: []byte("v")}, {Partition: p, TimeMS: log.NoTime}}
	e.append(t, want...)
	got, _ := read(t, e.Log, p, 0, e.Wait)
	wantSame(t, got, want)
}

func stampNow(t *testing.T, e *suite) {
	p := at(e.topic(t, 1, nil), 0)
	before := e.NowMS()
	e.append(t, log.Record{Partition: p, TimeMS: log.StampNow})
	got, _ := read(t, e.Log, p, 0, e.Wait)
	if ms := got[0].TimeMS; ms < before || ms > e.NowMS() {
		t.Errorf("record time %d, want between %d and %d", ms, before, e.NowMS())
	}
}

func unorderedTimes(t *testing.T, e *suite) {
	p := at(e.topic(t, 1, nil), 0)
	now := e.NowMS()
	var want []log.Record
	for _, d := range []int64{0, -50_000, -10, -40_000, -1} {
		want = append(want, log.Record{Partition: p, TimeMS: now + d, Value: []byte("v")})
	}
	e.append(t, want...)
	got, _ := read(t, e.Log, p, 0, e.Wait)
	wantSame(t, got, want)
}

func midBatch(t *testing.T, e *suite) {
	p := at(e.topic(t, 1, nil), 0)
	want := numbered(p, 100, e.NowMS()-1000)
	e.append(t, want...)
	for _, from := range []int64{1, 60, 99} {
		got, _ := read(t, e.Log, p, from, e.Wait)
		wantSame(t, got, want[from:])
		if got[0].Offset != from {
			t.Errorf("asked from %d, first record %d", from, got[0].Offset)
		}
	}
}

func walk(t *testing.T, e *suite) {
	p := at(e.topic(t, 1, nil), 0)
	var want []log.Record
	for n := range 30 {
		recs := numbered(p, n+1, e.NowMS()-1000)
		want = append(want, recs...)
		e.append(t, recs...)
	}
	got, _ := read(t, e.Log, p, 0, e.Wait)
	wantSame(t, got, want)
}

func emptyFetch(t *testing.T, e *suite) {
	p := at(e.topic(t, 1, nil), 0)
	for _, wait := range []time.Duration{0, 20 * time.Millisecond} {
		b, err := e.Log.Fetch(ctx(t), p, 0, wait)
		if err != nil || len(b.Records) != 0 || b.Next != 0 || b.Start != 0 || b.End != 0 {
			t.Errorf("empty partition, wait %s: %+v, %v; want nothing", wait, b, err)
		}
	}
	e.append(t, numbered(p, 7, e.NowMS())...)
	b, err := e.Log.Fetch(ctx(t), p, 7, 20*time.Millisecond)
	if err != nil || len(b.Records) != 0 || b.Next != 7 || b.End != 7 {
		t.Errorf("at the end: %+v, %v; want nothing, next 7, end 7", b, err)
	}
}

func fetchWaits(t *testing.T, e *suite) {
	p := at(e.topic(t, 1, nil), 0)
	done := make(chan error, 1)
	go func() { done <- e.Log.Append(ctx(t), numbered(p, 3, e.NowMS())) }()
	var got int
	for from := int64(0); got < 3; {
		b, err := e.Log.Fetch(ctx(t), p, from, e.Wait)
		if err != nil {
			t.Fatal(err)
		}
		got += len(b.Records)
		from = b.Next
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func beyondEnd(t *testing.T, e *suite) {
	p := at(e.topic(t, 1, nil), 0)
	e.append(t, numbered(p, 5, e.NowMS())...)
	if b, err := e.Log.Fetch(ctx(t), p, 1000, 0); !errors.Is(err, log.ErrOutOfRange) {
		t.Errorf("fetch from 1000 of 5: %+v, %v; want ErrOutOfRange", b, err)
	}
}

func beforeStart(t *testing.T, e *suite) {
	if e.Truncate == nil {
		t.Skip("no way to truncate here")
	}
	p := at(e.topic(t, 1, nil), 0)
	for range 10 { // batches of one record, so that a broker can cut anywhere
		e.append(t, log.Record{Partition: p, TimeMS: e.NowMS(), Value: []byte("v")})
	}
	e.Truncate(t, p, 6)
	if b, err := e.Log.Fetch(ctx(t), p, 5, 0); !errors.Is(err, log.ErrOutOfRange) {
		t.Errorf("fetch from 5, start is 6: %+v, %v; want ErrOutOfRange", b, err)
	}
	if start, end, err := e.Log.Bounds(ctx(t), p); start != 6 || end != 10 || err != nil {
		t.Errorf("bounds %d to %d, %v; want 6 to 10", start, end, err)
	}
	b, err := e.Log.Fetch(ctx(t), p, 6, e.Wait)
	if err != nil || len(b.Records) == 0 || b.Records[0].Offset != 6 || b.Start != 6 {
		t.Errorf("fetch from the new start: %+v, %v; want record 6, start 6", b, err)
	}
}

func offsetAt(t *testing.T, e *suite) {
	p := at(e.topic(t, 1, nil), 0)
	now := e.NowMS()
	if o, err := e.Log.OffsetAt(ctx(t), p, now); o != 0 || err != nil {
		t.Errorf("empty partition: %d, %v; want 0", o, err)
	}
	for _, d := range []int64{-900, -700, -800, -500} {
		e.append(t, log.Record{Partition: p, TimeMS: now + d, Value: []byte("v")})
	}
	e.append(t, numbered(p, 3, now-400)...) // one batch: −400, −399, −398
	for _, tt := range []struct{ d, want int64 }{
		{-901, 0}, {-900, 0}, {-899, 1}, {-750, 1}, {-700, 1}, {-699, 3}, {-500, 3}, {-499, 4}, {-399, 5}, {-398, 6}, {-397, 7},
	} {
		if o, err := e.Log.OffsetAt(ctx(t), p, now+tt.d); o != tt.want || err != nil {
			t.Errorf("%d ms before now: offset %d, %v; want %d", -tt.d, o, err, tt.want)
		}
	}
	if o, err := e.Log.OffsetAt(ctx(t), p, -5); o != 0 || err != nil {
		t.Errorf("before the epoch: %d, %v; want 0", o, err)
	}
}

func commits(t *testing.T, e *suite) {
	topic := e.topic(t, 2, nil)
	p0, p1 := at(topic, 0), at(topic, 1)
	g, h := "g."+topic, "h."+topic
	other := e.Open(t)
	steps := []struct {
		group  string
		p      log.Partition
		offset int64
	}{{g, p0, 0}, {g, p0, 41}, {g, p1, 7}, {h, p0, 3}, {g, p0, 12}}
	for _, s := range steps {
		if err := e.Log.Commit(ctx(t), s.group, s.p, s.offset); err != nil {
			t.Fatalf("commit %+v: %v", s, err)
		}
		if o, err := other.Committed(ctx(t), s.group, s.p); o != s.offset || err != nil {
			t.Errorf("after committing %+v another handle reads %d, %v", s, o, err)
		}
	}
	for _, w := range []struct {
		group string
		p     log.Partition
		want  int64
	}{{g, p0, 12}, {g, p1, 7}, {h, p0, 3}, {h, p1, -1}, {"no." + topic, p0, -1}} {
		if o, err := e.Log.Committed(ctx(t), w.group, w.p); o != w.want || err != nil {
			t.Errorf("%s on %s: %d, %v; want %d", w.group, w.p, o, err, w.want)
		}
	}
	if err := e.Log.Commit(ctx(t), g, p0, -1); err == nil {
		t.Error("offset −1 was committed")
	}
}

func largeAppend(t *testing.T, e *suite) {
	p := at(e.topic(t, 1, nil), 0)
	want := make([]log.Record, 3000)
	rng := rand.NewChaCha8([32]byte{1}) // bytes that no codec makes smaller
	for i := range want {
		v := make([]byte, 1000)
		_, _ = rng.Read(v) // never fails
		want[i] = log.Record{Partition: p, TimeMS: e.NowMS(), Value: v}
	}
	e.append(t, want...)
	got, batches := read(t, e.Log, p, 0, e.Wait)
	wantSame(t, got, want)
	if batches < 2 {
		t.Errorf("3 MB came in %d fetch: the case does not cross a boundary", batches)
	}
}

func largeRecord(t *testing.T, e *suite) {
	p := at(e.topic(t, 1, nil), 0)
	want := log.Record{Partition: p, TimeMS: e.NowMS(), Key: []byte("k"), Value: make([]byte, 900_000)}
	e.append(t, want)
	err := e.Log.Append(ctx(t), []log.Record{{Partition: p, TimeMS: e.NowMS(), Value: make([]byte, 3<<20)}})
	if !errors.Is(err, log.ErrTooLarge) {
		t.Errorf("3 MiB: %v, want ErrTooLarge", err)
	}
	got, _ := read(t, e.Log, p, 0, e.Wait)
	wantSame(t, got, []log.Record{want})
}

func manyPartitions(t *testing.T, e *suite) {
	topic := e.topic(t, 12, nil)
	var all []log.Record
	for i := range 20 {
		for j := range 12 {
			all = append(all, log.Record{Partition: at(topic, int32(j)), TimeMS: e.NowMS(), Value: fmt.Appendf(nil, "%d", i)})
		}
	}
	e.append(t, all...)
	for j := range 12 {
		got, _ := read(t, e.Log, at(topic, int32(j)), 0, e.Wait)
		for i, r := range got {
			if string(r.Value) != fmt.Sprint(i) {
				t.Fatalf("partition %d, record %d is %q", j, i, r.Value)
			}
		}
		if len(got) != 20 {
			t.Errorf("partition %d has %d records, want 20", j, len(got))
		}
	}
}

func concurrentAppenders(t *testing.T, e *suite) {
	p := at(e.topic(t, 1, nil), 0)
	const appenders, each = 6, 15
	var wg sync.WaitGroup
	errs := make(chan error, appenders*each)
	for a := range appenders {
		wg.Go(func() {
			for i := range each {
				r := log.Record{Partition: p, TimeMS: e.NowMS(), Key: fmt.Appendf(nil, "%d", a), Value: fmt.Appendf(nil, "%d", i)}
				errs <- e.Log.Append(ctx(t), []log.Record{r})
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	got, _ := read(t, e.Log, p, 0, e.Wait)
	next := map[string]int{}
	for _, r := range got {
		if want := fmt.Sprint(next[string(r.Key)]); string(r.Value) != want {
			t.Fatalf("appender %s: record %q, want %s", r.Key, r.Value, want)
		}
		next[string(r.Key)]++
	}
	if len(got) != appenders*each {
		t.Errorf("%d records, want %d", len(got), appenders*each)
	}
}

func timeBounds(t *testing.T, e *suite) {
	if e.NoBounds {
		t.Skip("bounds are not enforced here")
	}
	p := at(e.topic(t, 1, map[string]string{"message.timestamp.before.max.ms": "180000", "message.timestamp.after.max.ms": "60000"}), 0)
	now := e.NowMS()
	for _, tt := range []struct {
		d    int64
		want error
	}{{0, nil}, {-150_000, nil}, {30_000, nil}, {120_000, log.ErrTimeBounds}, {-240_000, log.ErrTimeBounds}} {
		err := e.Log.Append(ctx(t), []log.Record{{Partition: p, TimeMS: now, Value: []byte("a")}, {Partition: p, TimeMS: now + tt.d, Value: []byte("b")}})
		if !errors.Is(err, tt.want) {
			t.Errorf("record time now %+d ms: %v, want %v", tt.d, err, tt.want)
		}
	}
	if _, end, err := e.Log.Bounds(ctx(t), p); end != 6 || err != nil {
		t.Errorf("%d records stored, %v; want the 6 of the three good appends", end, err)
	}
}

func appendTime(t *testing.T, e *suite) {
	p := at(e.topic(t, 1, map[string]string{"message.timestamp.type": "LogAppendTime"}), 0)
	before := e.NowMS()
	e.append(t, numbered(p, 5, 1_000)...)
	got, _ := read(t, e.Log, p, 0, e.Wait)
	for _, r := range got {
		if r.TimeMS < before-1000 || r.TimeMS > e.NowMS()+1000 {
			t.Errorf("record time %d, want the append's, %d to %d", r.TimeMS, before, e.NowMS())
		}
	}
}

func endedContext(t *testing.T, e *suite) {
	p := at(e.topic(t, 1, nil), 0)
	ended, cancel := context.WithCancel(ctx(t))
	cancel()
	_, fetchErr := e.Log.Fetch(ended, p, 0, time.Minute)
	appendErr := e.Log.Append(ended, numbered(p, 1, e.NowMS()))
	commitErr := e.Log.Commit(ended, "g", p, 1)
	for call, err := range map[string]error{"fetch": fetchErr, "append": appendErr, "commit": commitErr} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want context.Canceled", call, err)
		}
	}
	if _, end, err := e.Log.Bounds(ctx(t), p); end != 0 || err != nil {
		t.Errorf("end %d, %v; want nothing stored", end, err)
	}
}

func closed(t *testing.T, e *suite) {
	p := at(e.topic(t, 1, nil), 0)
	l := e.Open(t)
	if _, _, err := l.Bounds(ctx(t), p); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if _, err := l.Fetch(ctx(t), p, 0, 0); !errors.Is(err, log.ErrUnreachable) {
		t.Errorf("fetch after close: %v, want ErrUnreachable", err)
	}
	if err := l.Append(ctx(t), numbered(p, 1, e.NowMS())); !errors.Is(err, log.ErrUnreachable) {
		t.Errorf("append after close: %v, want ErrUnreachable", err)
	}
}

func reopen(t *testing.T, e *suite) {
	if e.Reopen == nil {
		t.Skip("data does not outlive the broker here")
	}
	topic := e.topic(t, 2, map[string]string{"retention.ms": "604800000"})
	p := at(topic, 1)
	want := numbered(p, 50, e.NowMS()-100)
	e.append(t, want...)
	if err := e.Log.Commit(ctx(t), "g."+topic, p, 33); err != nil {
		t.Fatal(err)
	}
	l := e.Reopen(t)
	got, _ := read(t, l, p, 0, e.Wait)
	wantSame(t, got, want)
	if o, err := l.Committed(ctx(t), "g."+topic, p); o != 33 || err != nil {
		t.Errorf("committed %d, %v; want 33", o, err)
	}
	if n, err := l.Partitions(ctx(t), topic); n != 2 || err != nil {
		t.Errorf("%d partitions, %v; want 2", n, err)
	}
	if err := l.Append(ctx(t), numbered(p, 1, e.NowMS())); err != nil {
		t.Fatalf("append after reopening: %v", err)
	}
	if _, end, err := l.Bounds(ctx(t), p); end != 51 || err != nil {
		t.Errorf("end %d, %v; want 51", end, err)
	}
}
