package packed_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping/packed"
)

const jan2 = int64(1_767_323_045_678)

// message returns the descriptor that Google's compiler made of event.proto.
func message(t testing.TB) protoreflect.MessageDescriptor {
	t.Helper()
	text, err := os.ReadFile("testdata/event.binpb")
	if err != nil {
		t.Fatal(err)
	}
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(text, &set); err != nil {
		t.Fatal(err)
	}
	file, err := protodesc.NewFile(set.File[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	return file.Messages().ByName("Event")
}

func names(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("f%02d", i)
	}
	return out
}

// random makes an event such as a producer may send, with everything that may be there.
func random(rng *rand.Rand, order []string) event.Event {
	maybe := func() bool { return rng.IntN(2) == 0 }
	ev := event.Event{Model: "acis", ID: fmt.Sprintf("%08x", rng.Uint32()), Type: event.Type(1 + rng.IntN(3))}
	if maybe() {
		ev.Version = fmt.Sprint(1 + rng.IntN(30))
	}
	if maybe() {
		ev.TimeMS, ev.HasTime = jan2+rng.Int64N(1_000_000), true
	}
	if ev.Type == event.TypeFeature || maybe() {
		for _, name := range order {
			v := sketches.Number(rng.NormFloat64() * math.Pow(10, float64(rng.IntN(20)-10)))
			switch rng.IntN(10) {
			case 0:
				v = sketches.Null()
			case 1:
				v = sketches.String(fmt.Sprintf("käse %d", rng.IntN(9)))
			case 2:
				v = sketches.Number(math.Inf(1 - 2*rng.IntN(2)))
			}
			ev.Features = append(ev.Features, event.Feature{Name: name, Value: v})
		}
	}
	answers := []sketches.Value{sketches.Number(1), sketches.String("spam"), sketches.Bool(true)}
	if ev.Type == event.TypePrediction {
		ev.Score, ev.HasScore = rng.Float64(), true
		ev.Prediction, ev.HasPrediction = answers[rng.IntN(3)], true
	}
	if ev.Type == event.TypeLabel {
		ev.Label, ev.HasLabel = answers[rng.IntN(3)], true
	}
	if maybe() {
		ev.Segments = []event.Segment{{Name: "region", Value: "us"}}
	}
	return ev
}

// encode writes ev through the descriptor, as any protobuf library would.
func encode(t testing.TB, md protoreflect.MessageDescriptor, ev event.Event) []byte {
	t.Helper()
	m := dynamicpb.NewMessage(md)
	field := func(name string) protoreflect.FieldDescriptor { return md.Fields().ByName(protoreflect.Name(name)) }
	text := func(name, v string) {
		if v != "" {
			m.Set(field(name), protoreflect.ValueOfString(v))
		}
	}
	m.Set(field("type"), protoreflect.ValueOfEnum(protoreflect.EnumNumber(ev.Type)))
	text("model", ev.Model)
	text("version", ev.Version)
	text("id", ev.ID)
	if ev.HasTime {
		m.Set(field("ts_ms"), protoreflect.ValueOfInt64(ev.TimeMS))
	}
	if ev.HasScore {
		m.Set(field("score"), protoreflect.ValueOfFloat64(ev.Score))
	}
	answer := func(name string, v sketches.Value) {
		a := m.Mutable(field(name)).Message()
		fields := a.Descriptor().Fields()
		switch v.Kind() {
		case sketches.ValueNumber:
			x, _ := v.Float()
			a.Set(fields.ByName("number"), protoreflect.ValueOfFloat64(x))
		case sketches.ValueString:
			s, _ := v.Text()
			a.Set(fields.ByName("text"), protoreflect.ValueOfString(s))
		case sketches.ValueBool:
			x, _ := v.Float()
			a.Set(fields.ByName("flag"), protoreflect.ValueOfBool(x != 0))
		}
	}
	if ev.HasPrediction {
		answer("prediction", ev.Prediction)
	}
	if ev.HasLabel {
		answer("label", ev.Label)
	}
	if len(ev.Segments) > 0 {
		all := m.Mutable(field("segments")).Map()
		for _, s := range ev.Segments {
			all.Set(protoreflect.ValueOfString(s.Name).MapKey(), protoreflect.ValueOfString(s.Value))
		}
	}
	if len(ev.Features) > 0 {
		doubles, texts := m.Mutable(field("features")).List(), m.Mutable(field("texts")).List()
		for i, f := range ev.Features {
			x, ok := f.Value.Float()
			if !ok {
				x = math.NaN()
			}
			doubles.Append(protoreflect.ValueOfFloat64(x))
			if s, isText := f.Value.Text(); isText && f.Value.Kind() == sketches.ValueString {
				e := texts.NewElement()
				fields := e.Message().Descriptor().Fields()
				e.Message().Set(fields.ByName("index"), protoreflect.ValueOfUint32(uint32(i)))
				e.Message().Set(fields.ByName("value"), protoreflect.ValueOfString(s))
				texts.Append(e)
			}
		}
		if texts.Len() == 0 {
			m.Clear(field("texts"))
		}
	}
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func same(a, b event.Event) string {
	a.Shape, b.Shape = nil, nil
	if x, y := fmt.Sprintf("%#v", a), fmt.Sprintf("%#v", b); x != y {
		return fmt.Sprintf("got  %s\nwant %s", x, y)
	}
	return ""
}

func TestReader_ReadsWhatTheProtoFileSays(t *testing.T) {
	t.Parallel()
	md := message(t)
	order := names(7)
	r := packed.New(packed.Config{Order: order})
	rng := rand.New(rand.NewPCG(3, 1))
	for i := range 2000 {
		want := random(rng, order)
		b := encode(t, md, want)
		if i%3 == 0 { // as Confluent's serialisers write it, in each of their ways
			frame := [][]byte{{0, 0, 0, 0, 9, 0}, {0, 1, 2, 3, 4, 2, 0}, {0, 0, 0, 0, 9, 4, 2, 6}}[i/3%3]
			b = append(frame, b...)
		}
		rows, err := r.Read(&event.Raw{Value: b})
		if err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
		if len(rows) != 1 {
			t.Fatalf("event %d gave %d rows", i, len(rows))
		}
		got := rows[0]
		if len(got.Segments) == 0 {
			got.Segments = nil
		}
		if diff := same(got, want); diff != "" {
			t.Fatalf("event %d:\n%s", i, diff)
		}
		if len(got.Features) > 0 && (got.Shape == nil || len(got.Shape.Names) != len(order)) {
			t.Fatalf("event %d: features without their shape", i)
		}
	}
}

func TestReader_TheProtoFileAndTheDescriptorAgree(t *testing.T) {
	t.Parallel()
	md := message(t)
	found := regexp.MustCompile(`(?m)^  (?:optional |repeated )?\S+(?: \S+)? (\w+) = (\d+);`).FindAllStringSubmatch(packed.Proto(), -1)
	if len(found) != md.Fields().Len() {
		t.Fatalf("event.proto has %d fields, testdata/event.binpb %d; make it again", len(found), md.Fields().Len())
	}
	for _, f := range found {
		d := md.Fields().ByName(protoreflect.Name(f[1]))
		if d == nil || fmt.Sprint(d.Number()) != f[2] {
			t.Errorf("field %s = %s of event.proto is not in testdata/event.binpb; make it again", f[1], f[2])
		}
	}
}

// double appends a field of doubles, packed.
func double(b []byte, num protowire.Number, xs ...float64) []byte {
	b = protowire.AppendTag(b, num, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(8*len(xs)))
	for _, x := range xs {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
	}
	return b
}

func str(b []byte, num protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), s)
}

func fixed(b []byte, num protowire.Number, x float64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(b, num, protowire.Fixed64Type), math.Float64bits(x))
}

func vary(b []byte, num protowire.Number, x uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), x)
}

func TestReader_TakesWhatProtobufAllows(t *testing.T) {
	t.Parallel()
	r := packed.New(packed.Config{Order: []string{"a", "b"}, Model: "m"})
	want := event.Event{
		Type: event.TypePrediction, Model: "m", ID: "i", Score: 0.5, HasScore: true,
		Features: []event.Feature{{Name: "a", Value: sketches.Number(1)}, {Name: "b", Value: sketches.Number(2)}},
	}
	head := fixed(str(nil, 4, "i"), 7, 0.5)
	tests := []struct {
		name string
		b    []byte
	}{
		{"packed", double(head, 6, 1, 2)},
		{"packed in two pieces", double(double(head, 6, 1), 6, 2)},
		{"unpacked", fixed(fixed(head, 6, 1), 6, 2)},
		{"both", fixed(double(head, 6, 1), 6, 2)},
		{"in the other order", append(double(nil, 6, 1, 2), head...)},
		{"a score given twice: the last counts", append(fixed(nil, 7, 0.9), double(head, 6, 1, 2)...)},
		{"fields of a later version", str(double(vary(head, 99, 7), 6, 1, 2), 100, "x")},
		{"a known field of another wire type is unknown", vary(double(head, 6, 1, 2), 4, 12)},
	}
	for _, tt := range tests {
		rows, err := r.Read(&event.Raw{Value: tt.b})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		got := rows[0]
		got.Segments = nil
		if diff := same(got, want); diff != "" {
			t.Errorf("%s:\n%s", tt.name, diff)
		}
	}
}

var bad = []struct {
	name string
	b    []byte
	code event.Code
}{
	{"nothing", nil, event.CodeEmpty},
	{"too large", make([]byte, 2000), event.CodeTooLarge},
	{"JSON", []byte(`{"model":"m","score":1}`), event.CodeNotProtobuf},
	{"cut off", double(nil, 6, 1, 2)[:11], event.CodeNotProtobuf},
	{"a length beyond all", []byte{6<<3 | 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, event.CodeNotProtobuf},
	{"doubles of 12 bytes", str(nil, 6, "twelve bytes"), event.CodeNotProtobuf},
	{"one feature of two", double(nil, 6, 1), event.CodeWrongShape},
	{"three features of two", double(nil, 6, 1, 2, 3), event.CodeWrongShape},
	{"three unpacked features of two", fixed(fixed(fixed(nil, 6, 1), 6, 2), 6, 3), event.CodeWrongShape},
	{"a text out of place", str(double(nil, 6, 1, 2), 11, string(str(vary(nil, 1, 2), 2, "x"))), event.CodeWrongShape},
	{"a text without doubles", str(nil, 11, string(str(vary(nil, 1, 1), 2, "x"))), event.CodeWrongShape},
	{"a text that is no UTF-8", str(double(nil, 6, 1, 2), 11, string(str(nil, 2, "\xff"))), event.CodeBadUTF8},
	{"a model that is no UTF-8", str(double(nil, 6, 1, 2), 2, "\xff"), event.CodeBadUTF8},
	{"a reserved model", str(double(nil, 6, 1, 2), 2, "_done"), event.CodeBadName},
	{"an unknown type", vary(double(nil, 6, 1, 2), 1, 9), event.CodeUnknownType},
	{"a score that is no number", fixed(nil, 7, math.NaN()), event.CodeBadNumber},
	{"an infinite label", str(str(nil, 4, "i"), 9, string(fixed(nil, 1, math.Inf(1)))), event.CodeBadNumber},
	{"a label without id", str(nil, 9, string(fixed(nil, 1, 1))), event.CodeNoID},
	{"nothing said", str(nil, 2, "m"), event.CodeNoType},
	{"a time of the year 12000", vary(fixed(nil, 7, 1), 5, 316_500_000_000_000), event.CodeBadTime},
	{"a frame and no more", []byte{0, 0, 0, 0, 1}, event.CodeBadFrame},
	{"a frame whose indexes end early", []byte{0, 0, 0, 0, 1, 8, 2}, event.CodeBadFrame},
	{"a frame with a thousand indexes", []byte{0, 0, 0, 0, 1, 0xd0, 0x0f, 2}, event.CodeBadFrame},
}

func TestReader_RefusesWithAReason(t *testing.T) {
	t.Parallel()
	r := packed.New(packed.Config{Order: []string{"a", "b"}, Model: "m", Limits: event.Limits{Bytes: 1000}})
	for _, tt := range bad {
		rows, err := r.Read(&event.Raw{Value: tt.b})
		var reason *event.Reason
		if !errors.As(err, &reason) || reason.Code != tt.code {
			t.Errorf("%s: %v, %v; want %s", tt.name, rows, err, tt.code)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, tt := range bad {
		f.Add(tt.b)
	}
	md := message(f)
	rng := rand.New(rand.NewPCG(3, 2))
	for range 10 {
		f.Add(encode(f, md, random(rng, []string{"a", "b", "c"})))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := packed.New(packed.Config{Order: []string{"a", "b", "c"}, Model: "m"})
		rows, err := r.Read(&event.Raw{Value: b})
		var reason *event.Reason
		if err != nil {
			if !errors.As(err, &reason) || reason.At < 0 || reason.At > len(b) || reason.Detail == "" {
				t.Fatalf("Read(%x) = %+v, want a reason with its place", b, err)
			}
			return
		}
		// What is accepted, protobuf's own library reads too, and as the same numbers.
		body := b
		if b[0] == 0 {
			at, bad := packed.Unframe(b)
			if bad != nil {
				t.Fatalf("Read(%x) accepts a frame that Unframe refuses: %v", b, bad)
			}
			body = b[at:]
		}
		m := dynamicpb.NewMessage(md)
		if err := unmarshal(body, m); err != nil {
			return // the library also looks into fields that no event needs, such as unused texts
		}
		doubles := m.Get(md.Fields().ByName("features")).List()
		if doubles.Len() != len(rows[0].Features) {
			t.Fatalf("Read(%x) has %d features, protobuf %d", b, len(rows[0].Features), doubles.Len())
		}
		for i, got := range rows[0].Features {
			want := doubles.Get(i).Float()
			x, ok := got.Value.Float()
			if ok && math.Float64bits(x) != math.Float64bits(want) || got.Value.Kind() == sketches.ValueNull && !math.IsNaN(want) {
				t.Fatalf("Read(%x): feature %d is %+v, protobuf says %v", b, i, got.Value, want)
			}
		}
	})
}

// unmarshal is proto.Unmarshal for bytes from anywhere: with messages made from a
// descriptor the library panics on some entries of a map.
func unmarshal(b []byte, m proto.Message) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("protobuf: %v", p)
		}
	}()
	return proto.Unmarshal(b, m)
}

func TestReader_AllocatesNothing(t *testing.T) {
	order := names(50)
	r := packed.New(packed.Config{Order: order})
	raw := &event.Raw{Value: fifty(order)}
	if n := testing.AllocsPerRun(100, func() {
		if _, err := r.Read(raw); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations per record, want 0", n)
	}
}

// fifty is a prediction with its features.
func fifty(order []string) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	b := str(vary(nil, 1, 2), 2, "acis_growth_classifier")
	b = vary(str(str(b, 3, "3"), 4, "b7c1e2aa"), 5, uint64(jan2))
	xs := make([]float64, len(order))
	for i := range xs {
		xs[i] = float64(rng.IntN(2_000_000)-1_000_000) / 10_000
	}
	return fixed(double(b, 6, xs...), 7, 0.83)
}

func BenchmarkRead(b *testing.B) {
	order := names(50)
	texts := make([][]byte, 512)
	for i := range texts {
		texts[i] = fifty(order)
	}
	r := packed.New(packed.Config{Order: order})
	b.SetBytes(int64(len(texts[0])))
	b.ReportAllocs()
	var raw event.Raw
	for i := 0; b.Loop(); i++ {
		raw.Value = texts[i%len(texts)]
		if _, err := r.Read(&raw); err != nil {
			b.Fatal(err)
		}
	}
}
