package collect

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/wire"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func testLayout() wire.Layout {
	return wire.Layout{
		PaneMS: 60_000, SlotPanes: 4, LatenessMS: 120_000, SkewMS: 60_000, DisorderMS: 240_000, PanesPartitions: 2,
		WindowsMS: []int64{180_000}, Inputs: []wire.Input{{Topic: "in", Role: wire.RoleEvents}},
	}
}

func testGrid(t testing.TB) *sketches.Grid {
	t.Helper()
	x, err := sketches.NewNumeric("x", []float64{1, 2, 3, 4, 5, 6, 7, 8})
	must(t, err)
	g, err := sketches.NewGrid([]sketches.FeatureGrid{x})
	must(t, err)
	return g
}

// source starts a fold of source in/0 that knows the model "m" and its grid.
func source(t testing.TB, origin loop.Origin) *Source {
	t.Helper()
	s := New(Config{Source: wire.Source{Topic: "in"}, Layout: testLayout(), PanesTopic: "panes", DeadTopic: "dead", Limits: event.Limits{Bytes: 64 << 10}}, origin)
	var recs []log.Record
	for _, c := range []wire.Control{
		{Kind: "layout", ID: "main", Seq: 1, Value: testLayout().Encode()},
		{Kind: "model", ID: "m", Seq: 1, Value: wire.Model{Name: "m", FeaturesFrom: "prediction"}.Encode()},
		{Kind: "grid", ID: "m", Seq: 1, Value: wire.GridControl{Model: "m", Grid: testGrid(t)}.Encode()},
	} {
		for _, kv := range c.Records() {
			recs = append(recs, log.Record{Offset: int64(len(recs)), Key: kv.Key, Value: kv.Value})
		}
	}
	from, err := s.Control(recs, int64(len(recs)))
	if err != nil || from != loop.Never {
		t.Fatalf("control: start at %d, %v", from, err)
	}
	return s
}

var beginning = loop.Origin{HorizonMS: loop.Unset}

// published is what cycles wrote: ledgers and partials of largest through, letters.
type published struct {
	ledgers  map[int64]wire.Ledger
	partials map[wire.PartialID]wire.Partial
	letters  []wire.DeadLetter
}

func (p *published) cycle(t testing.TB, s *Source) {
	t.Helper()
	c, err := s.Publish(1, loop.Unset)
	must(t, err)
	for _, stage := range c.Stages {
		for _, r := range stage.Records {
			if r.Partition.Topic == "dead" {
				d, err := wire.DecodeDeadLetter(r.Value)
				must(t, err)
				if want := fmt.Sprintf("in/0/%d", d.Offset); string(r.Key) != want {
					t.Errorf("dead letter under %q, want %q", r.Key, want)
				}
				p.letters = append(p.letters, d)
				continue
			}
			switch kind, _ := wire.Peek(r.Value); kind {
			case wire.KindLedger:
				l, err := wire.DecodeLedger(r.Value)
				must(t, err)
				if old, had := p.ledgers[l.Pane]; !had || l.Through > old.Through {
					p.ledgers[l.Pane] = l
				}
			case wire.KindPartial:
				x, err := wire.DecodePartial(r.Value)
				must(t, err)
				p.partials[x.ID] = x
			}
		}
	}
	s.Published()
}

func newPublished() *published {
	return &published{ledgers: map[int64]wire.Ledger{}, partials: map[wire.PartialID]wire.Partial{}}
}

const startMS = int64(1_767_225_600_000)

func predict(model string, at int64, features string) string {
	return fmt.Sprintf(`{"type":"prediction","model":%q,"version":"1","id":"i","ts":%d,"score":0.5,"features":%s}`, model, at, features)
}

// Every kind of bad record, each with the outcome it must be counted under.
func TestP3_EveryRecordIsCountedUnderOneOutcome(t *testing.T) {
	t.Parallel()
	at := startMS + 600_000
	good := predict("m", at, `{"x":1}`)
	tests := []struct {
		name    string
		timeMS  int64
		value   string
		outcome wire.Outcome
		reason  event.Code
	}{
		{"sound", at, good, wire.Accepted, ""},
		{"without a time of its own", at, `{"model":"m","id":"i","score":1,"features":{"x":3}}`, wire.Accepted, ""},
		{"not JSON", at, `{"model":"m",`, wire.Dead, event.CodeNotJSON},
		{"a list", at, `[1,2]`, wire.Dead, event.CodeNotObject},
		{"nothing", at, ``, wire.Dead, event.CodeEmpty},
		{"no model", at, `{"type":"prediction","id":"i","score":1}`, wire.Dead, event.CodeNoModel},
		{"a model that is a number", at, `{"type":"prediction","model":7,"score":1}`, wire.Dead, event.CodeWrongType},
		{"an unknown type", at, `{"type":"predict","model":"m","score":1}`, wire.Dead, event.CodeUnknownType},
		{"oversize", at, predict("m", at, `{"x":"`+strings.Repeat("a", 70<<10)+`"}`), wire.Dead, event.CodeTooLarge},
		{"nested 10,000 deep", at, predict("m", at, `{"x":`+strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000)+`}`), wire.Dead, event.CodeTooDeep},
		{"NaN", at, predict("m", at, `{"x":NaN}`), wire.Dead, event.CodeNotJSON},
		{"1e999", at, `{"type":"prediction","model":"m","id":"i","score":1e999}`, wire.Dead, event.CodeBadNumber},
		{"a key that stands twice", at, `{"type":"prediction","model":"m","model":"n","score":1}`, wire.Dead, event.CodeDuplicateKey},
		{"bad UTF-8", at, "{\"type\":\"prediction\",\"model\":\"m\xff\",\"score\":1}", wire.Dead, event.CodeBadUTF8},
		{"no timestamp", log.NoTime, good, wire.Dead, event.CodeNoTime},
		{"a label", at, `{"type":"label","model":"m","id":"i","label":1}`, wire.Label, ""},
		{"a tick", at, `{"type":"tick"}`, wire.Tick, ""},
		{"a model nobody knows", at, predict("who", at, `{}`), wire.Unregistered, ""},
		{"at the lateness", at, predict("m", at-120_000, `{"x":1}`), wire.Accepted, ""},
		{"late", at, predict("m", at-120_001, `{"x":1}`), wire.Late, ""},
		{"ancient", at, predict("m", 1, `{"x":1}`), wire.Late, ""},
		{"at the skew", at, predict("m", at+60_000, `{"x":1}`), wire.Accepted, ""},
		{"future", at, predict("m", at+60_001, `{"x":1}`), wire.Future, ""},
		{"a thousand years ahead", at, predict("m", at+1000*365*86_400_000, `{"x":1}`), wire.Future, ""},
	}
	var want [wire.Outcomes]uint64
	dead := map[string]uint64{}
	s, got := source(t, beginning), newPublished()
	s.Apply(log.Record{Partition: log.Partition{Topic: "in"}, Offset: 0, TimeMS: at, Value: []byte(`{"type":"tick"}`)})
	want[wire.Tick]++
	offset := int64(1)
	for _, tt := range tests {
		s.Apply(log.Record{Partition: log.Partition{Topic: "in"}, Offset: offset, TimeMS: tt.timeMS, Value: []byte(tt.value)})
		offset++
		want[tt.outcome]++
		if tt.reason != "" {
			dead[string(tt.reason)]++
		}
	}
	s.Skip(offset+5, 3)
	want[wire.Aborted] += 3
	offset += 5
	s.Apply(log.Record{Partition: log.Partition{Topic: "in"}, Offset: offset, TimeMS: at + 3_600_000, Value: []byte(`{"type":"tick"}`)})
	got.cycle(t, s)
	l := got.ledgers[at/60_000]
	if l.Outcomes != want {
		for o := range wire.Outcomes {
			if l.Outcomes[o] != want[o] {
				t.Errorf("%s: %d records, want %d", o, l.Outcomes[o], want[o])
			}
		}
	}
	if fmt.Sprint(l.DeadBy) != fmt.Sprint(dead) {
		t.Errorf("dead by reason %v, want %v", l.DeadBy, dead)
	}
	if l.Records != uint64(len(tests)+4) || l.Skipped != 2 || l.First != 0 || l.Last != offset-1 {
		t.Errorf("%d records, %d skipped, offsets %d to %d", l.Records, l.Skipped, l.First, l.Last)
	}
	if l.LateBy["m"] != 2 || l.FutureBy["m"] != 2 || l.Unregistered["who"] != 1 {
		t.Errorf("late %v, future %v, unregistered %v", l.LateBy, l.FutureBy, l.Unregistered)
	}
	if len(got.letters) != int(want[wire.Dead]) {
		t.Errorf("%d dead letters, want %d", len(got.letters), want[wire.Dead])
	}
	for _, d := range got.letters {
		if d.Reason == "" || d.Detail == "" || len(d.Sample) > wire.SampleBytes || d.Size != len(tests[d.Offset-1].value) {
			t.Errorf("letter of offset %d: reason %q, detail %q, %d of %d bytes", d.Offset, d.Reason, d.Detail, len(d.Sample), d.Size)
		}
		if string(tests[d.Offset-1].reason) != d.Reason {
			t.Errorf("%s: reason %q, want %q", tests[d.Offset-1].name, d.Reason, tests[d.Offset-1].reason)
		}
	}
	rows := uint64(0)
	for id, p := range got.partials {
		if id.Grid.IsZero() {
			rows += p.Rows
		}
	}
	if rows+1 < want[wire.Accepted] { // one accepted record lies in a pane that is still open at most
		t.Errorf("%d rows in partials, %d accepted", rows, want[wire.Accepted])
	}
}

func TestP3_DeadLettersAreTenPerReasonAndPane(t *testing.T) {
	t.Parallel()
	s, got := source(t, beginning), newPublished()
	offset := int64(0)
	put := func(at int64, value string) {
		s.Apply(log.Record{Partition: log.Partition{Topic: "in"}, Offset: offset, TimeMS: at, Value: []byte(value)})
		offset++
	}
	for range 25 { // before the clock is set they join the first pane
		put(log.NoTime, "x")
	}
	for pane := range int64(3) {
		for i := range 40 {
			put(startMS+pane*60_000, strings.Repeat("{", 20<<10))
			put(startMS+pane*60_000, `{"type":"label","model":"m"}`)
			put(log.NoTime, "x")
			if i == 20 {
				got.cycle(t, s) // a cycle in the middle of a pane starts no new count
			}
		}
	}
	put(startMS+3_600_000, `{"type":"tick"}`)
	got.cycle(t, s)
	n := map[string]int{}
	for _, d := range got.letters {
		n[d.Reason]++
		if len(d.Sample) > wire.SampleBytes {
			t.Errorf("a sample of %d bytes", len(d.Sample))
		}
	}
	for reason, k := range n {
		if k != 3*DeadPerPane {
			t.Errorf("%s: %d letters over three panes, want %d", reason, k, 3*DeadPerPane)
		}
	}
	if len(n) != 3 || n[string(event.CodeNoTime)] == 0 {
		t.Errorf("letters by reason %v, want three reasons", n)
	}
	total := uint64(0)
	for _, l := range got.ledgers {
		total += l.Outcomes[wire.Dead]
	}
	if total != 25+3*120 {
		t.Errorf("%d dead records counted, want %d", total, 25+3*120)
	}
}

// A hundred thousand unknown names: 64 are kept, the same whatever their order, with
// exact counts.
func TestFault_UnregisteredFlood(t *testing.T) {
	t.Parallel()
	run := func(step int) map[string]uint64 {
		s, got := source(t, beginning), newPublished()
		const n = 100_000
		for i := range n + 1 {
			name := strconv.Itoa(i * step % n)
			s.Apply(log.Record{Offset: int64(i), TimeMS: startMS, Value: []byte(`{"type":"prediction","model":"` + name + `","score":1}`)})
		}
		s.Apply(log.Record{Offset: n + 1, TimeMS: startMS + 3_600_000, Value: []byte(`{"type":"tick"}`)})
		got.cycle(t, s)
		l := got.ledgers[startMS/60_000]
		if l.Outcomes[wire.Unregistered] != n+1 || len(l.Unregistered) != wire.MaxUnregistered {
			t.Errorf("%d unregistered, %d names, want %d and %d", l.Outcomes[wire.Unregistered], len(l.Unregistered), n+1, wire.MaxUnregistered)
		}
		delete(l.Unregistered, "0") // the one that came twice, if it was kept
		return l.Unregistered
	}
	a, b := run(1), run(7)
	if fmt.Sprint(a) != fmt.Sprint(b) {
		t.Errorf("which names are kept depends on their order:\n%v\n%v", a, b)
	}
	for name, n := range a {
		if n != 1 {
			t.Errorf("%s: %d", name, n)
		}
	}
}

// However the records are cut into cycles, the ledgers add up to all of them.
func TestP3_LedgersAddUpOverManyCycles(t *testing.T) {
	t.Parallel()
	for _, every := range []int64{1, 3, 17, math.MaxInt64} {
		s, got := source(t, beginning), newPublished()
		offset, clock := int64(0), startMS
		for i := range int64(2000) {
			clock += 1000 * (i % 7)
			switch i % 11 {
			case 3:
				s.Skip(offset+4, i%3)
				offset += 4
			case 5:
				s.Apply(log.Record{Partition: log.Partition{Topic: "in"}, Offset: offset, TimeMS: log.NoTime, Value: []byte("x")})
				offset++
			default:
				s.Apply(log.Record{Partition: log.Partition{Topic: "in"}, Offset: offset, TimeMS: clock - 1000*(i%90), Value: []byte(predict("m", clock-1000*(i%300), `{"x":1}`))})
				offset++
			}
			if i%every == 0 {
				got.cycle(t, s)
			}
		}
		s.Apply(log.Record{Partition: log.Partition{Topic: "in"}, Offset: offset, TimeMS: clock + 3_600_000, Value: []byte(`{"type":"tick"}`)})
		got.cycle(t, s)
		var records, skipped uint64
		for _, l := range got.ledgers {
			records, skipped = records+l.Records, skipped+l.Skipped
		}
		if records+skipped != uint64(offset) {
			t.Errorf("a cycle every %d records: %d records and %d skipped, want %d offsets", every, records, skipped, offset)
		}
	}
}

// Readers hand out texts that are parts of the record, and records are overwritten by
// the next fetch: what the ledger keeps must have memory of its own, also for names it
// has met before.
func TestLedger_KeepsNoMemoryOfARecord(t *testing.T) {
	t.Parallel()
	s := source(t, beginning)
	base := int64(1_767_225_600_000)
	buf := make([]byte, 0, 256)
	for i := range 6 {
		model, ts := "m", base-600_000 // late
		if i%3 == 2 {
			model, ts = "stranger", base
		}
		if i == 0 {
			ts = base
		}
		buf = fmt.Appendf(buf[:0], `{"type":"prediction","model":%q,"version":"1","ts":%d,"score":0.5,"prediction":"a"}`, model, ts)
		s.Apply(log.Record{Offset: int64(i), TimeMS: base, Value: buf})
		for j := range buf {
			buf[j] = '#'
		}
	}
	l := s.ledger()
	if got, want := fmt.Sprint(l.LateBy, l.Unregistered), "map[m:3] map[stranger:2]"; got != want {
		t.Errorf("late and unregistered %s, want %s", got, want)
	}
	for k := range s.open[s.times.Pane(base)].versions {
		if k.model != "m" || k.version != "1" {
			t.Errorf("counted under %+v", k)
		}
	}
}
