package wire

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/driftline/driftline/sketches"
)

// bigControl returns a control record of n bytes in its body.
func bigControl(n int, fill byte) Control {
	return Control{Kind: "reference", ID: "a/b", Seq: 3, Value: sketches.Frame(KindReference, schema, bytes.Repeat([]byte{fill}, n))}
}

func addAll(a *Assembler, recs []KeyValue) (got []Control, errs []error) {
	for i, r := range recs {
		c, ok, err := a.Add(int64(i), r.Key, r.Value)
		if err != nil {
			errs = append(errs, err)
		}
		if ok {
			got = append(got, c)
		}
	}
	return got, errs
}

func TestFault_ControlChunks(t *testing.T) {
	t.Parallel()
	big := bigControl(3*MaxControl, 7)
	whole := big.Records()
	other := bigControl(3*MaxControl, 8).Records()
	swap := func(i int, kv KeyValue) []KeyValue {
		recs := slices.Clone(whole)
		recs[i] = kv
		return recs
	}
	flipped := bytes.Clone(whole[1].Value)
	flipped[100] ^= 1
	tests := []struct {
		name  string
		recs  []KeyValue
		exist bool
		err   string
	}{
		{"whole", whole, true, ""},
		{"every record twice, as after a retry", slices.Concat(whole[:2], whole), true, ""},
		{"parts in another order", slices.Concat(whole[2:4], whole[:2], whole[4:]), true, ""},
		{"the manifest is missing", whole[:4], false, ""},
		{"a part is missing", slices.Concat(whole[:1], whole[2:]), false, "part 1 of 4 is missing"},
		{"the manifest comes first and again at the end", slices.Concat(whole[4:], whole), true, "part 0 of 4 is missing"},
		{"a part of another value", swap(1, KeyValue{whole[1].Key, other[1].Value}), false, "do not match"},
		{"the manifest of another value", swap(4, KeyValue{whole[4].Key, other[4].Value}), false, "do not match"},
		{"a part is damaged", swap(1, KeyValue{whole[1].Key, flipped}), false, "checksum"},
		{"a part of another kind", swap(1, KeyValue{whole[1].Key, whole[4].Value}), false, "frame kind"},
		{"the first of two parts of one number stands", slices.Concat(whole[:2], other[1:2], whole[2:]), true, ""},
	}
	if len(whole) != 5 {
		t.Fatalf("%d records, want 4 parts and a manifest", len(whole))
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var a Assembler
			got, errs := addAll(&a, tt.recs)
			if exists := len(got) == 1 && bytes.Equal(got[0].Value, big.Value); exists != tt.exist {
				t.Errorf("the record exists: %v, want %v (%d records, errors %v)", exists, tt.exist, len(got), errs)
			}
			err := errors.Join(errs...)
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !errors.Is(err, ErrControl) || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

func TestAssembler_OfTwoRecordsWithOneSequenceTheFirstStands(t *testing.T) {
	t.Parallel()
	var a Assembler
	first := Control{Kind: "model", ID: "m", Seq: 1, Value: Model{Name: "m", FeaturesFrom: "feature"}.Encode()}
	second := Control{Kind: "model", ID: "m", Seq: 1, Value: Model{Name: "m", FeaturesFrom: "prediction"}.Encode()}
	next := Control{Kind: "model", ID: "m", Seq: 2, Value: second.Value}
	got, errs := addAll(&a, slices.Concat(first.Records(), second.Records(), next.Records()))
	if len(errs) > 0 || len(got) != 2 || !bytes.Equal(got[0].Value, first.Value) || got[1].Seq != 2 {
		t.Errorf("got %d records, errors %v; want the first and sequence 2", len(got), errs)
	}
	if got[0].Offset != 0 || got[1].Offset != 2 {
		t.Errorf("offsets %d and %d, want 0 and 2", got[0].Offset, got[1].Offset)
	}
}

func TestAssembler_RefusesKeysAndManifestsThatSayTooMuch(t *testing.T) {
	t.Parallel()
	manifest := func(n, length uint64) []byte {
		var e sketches.Encoder
		e.Uvarint(n)
		e.Uvarint(length)
		e.Raw(make([]byte, 32))
		return sketches.Frame(KindManifest, schema, e.Data())
	}
	whole := Model{Name: "m", FeaturesFrom: "feature"}.Encode()
	for name, kv := range map[string]KeyValue{
		"no slashes":          {[]byte("model"), whole},
		"no id":               {[]byte("model//1"), whole},
		"no kind":             {[]byte("/m/1"), whole},
		"sequence is a word":  {[]byte("model/m/one"), whole},
		"value is no frame":   {[]byte("model/m/1"), []byte("hello")},
		"2^60 parts":          {[]byte("model/m/1"), manifest(1<<60, 10)},
		"one exabyte in all":  {[]byte("model/m/1"), manifest(1, 1<<60)},
		"manifest cut":        {[]byte("model/m/1"), sketches.Frame(KindManifest, schema, []byte{1, 2})},
		"an empty tombstone":  {[]byte("model/m/1"), nil},
		"a part that is text": {[]byte("part/model/m/1/0"), []byte("x")},
	} {
		var a Assembler
		if _, ok, err := a.Add(0, kv.Key, kv.Value); ok || !errors.Is(err, ErrControl) {
			t.Errorf("%s: taken %v, error %v; want it refused as unusable control", name, ok, err)
		}
	}
}

// Values around the limit are split and joined to the same bytes.
func TestAssembler_JoinsWhatRecordsSplit(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, MaxControl - 11, MaxControl - 10, MaxControl - 9, MaxControl, 2*MaxControl - 10, 5*MaxControl + 1} {
		body := make([]byte, n)
		for i := range body {
			body[i] = byte(rng.Uint32())
		}
		c := Control{Kind: "grid", ID: "m", Seq: 1, Value: sketches.Frame(KindGrid, schema, body)}
		recs := c.Records()
		for _, r := range recs {
			if len(r.Value) > MaxControl+64 {
				t.Errorf("%d bytes: a record of %d bytes", n, len(r.Value))
			}
		}
		if split := len(c.Value) > MaxControl; split != (len(recs) > 1) {
			t.Errorf("%d bytes in %d records", len(c.Value), len(recs))
		}
		var a Assembler
		got, errs := addAll(&a, recs)
		if len(errs) > 0 || len(got) != 1 || !bytes.Equal(got[0].Value, c.Value) || got[0].Offset != int64(len(recs)-1) {
			t.Errorf("%d bytes: %d records, errors %v", n, len(got), errs)
		}
		if len(a.parts) > 0 {
			t.Errorf("%d bytes: %d parts are still held", n, len(a.parts))
		}
	}
}
