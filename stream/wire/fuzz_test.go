package wire

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"github.com/driftline/driftline/sketches"
)

// fuzz feeds a decoder bytes as they come and as the body of a whole frame. Either
// it fails, or what it read encodes to the very same bytes.
func fuzz(f *testing.F, name string) {
	var x form
	newer := map[string][]byte{} // samples of later schemas, where there are
	for _, each := range forms(f) {
		switch each.name {
		case name:
			x = each
		case name + "2", name + "3", name + "4":
			maps.Copy(newer, each.samples)
		}
	}
	if x.again == nil {
		f.Fatalf("no form %q", name)
	}
	for _, raw := range slices.Concat(slices.Collect(maps.Values(x.samples)), slices.Collect(maps.Values(newer))) {
		f.Add(raw)
		if x.kind != 0 {
			_, _, body, err := sketches.Unframe(raw)
			must(f, err)
			f.Add(body)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, in := range [][]byte{b, sketches.Frame(x.kind, schema, b), sketches.Frame(x.kind, schema+1, b), sketches.Frame(x.kind, schema+2, b), sketches.Frame(x.kind, schema+3, b)} {
			got, err := x.again(in)
			if err != nil {
				continue
			}
			if x.kind == 0 || x.kind == KindPolicy { // JSON may be spaced otherwise: what was read is stable
				next, err := x.again(got)
				if err != nil || !bytes.Equal(next, got) {
					t.Fatalf("%q reads as %q, which reads as %q: %v", in, got, next, err)
				}
				continue
			}
			if !bytes.Equal(got, in) {
				t.Fatalf("accepted %x, which encodes to %x", in, got)
			}
		}
	})
}

func FuzzDecodePartial(f *testing.F)    { fuzz(f, "partial") }
func FuzzDecodeLedger(f *testing.F)     { fuzz(f, "ledger") }
func FuzzDecodeFrontier(f *testing.F)   { fuzz(f, "frontier") }
func FuzzDecodeLayout(f *testing.F)     { fuzz(f, "layout") }
func FuzzDecodeModel(f *testing.F)      { fuzz(f, "model") }
func FuzzDecodeGrid(f *testing.F)       { fuzz(f, "grid") }
func FuzzDecodeFold(f *testing.F)       { fuzz(f, "fold") }
func FuzzDecodeReference(f *testing.F)  { fuzz(f, "reference") }
func FuzzDecodePolicy(f *testing.F)     { fuzz(f, "policy") }
func FuzzDecodeSlot(f *testing.F)       { fuzz(f, "slot") }
func FuzzDecodeCoverage(f *testing.F)   { fuzz(f, "coverage") }
func FuzzDecodeDone(f *testing.F)       { fuzz(f, "done") }
func FuzzDecodeApplied(f *testing.F)    { fuzz(f, "applied") }
func FuzzDecodeLearnt(f *testing.F)     { fuzz(f, "learnt") }
func FuzzDecodeEarly(f *testing.F)      { fuzz(f, "early") }
func FuzzDecodeCadence(f *testing.F)    { fuzz(f, "cadence") }
func FuzzDecodeExclusions(f *testing.F) { fuzz(f, "exclusions") }
func FuzzDecodeKept(f *testing.F)       { fuzz(f, "kept") }
func FuzzDecodeMoving(f *testing.F)     { fuzz(f, "moving") }
func FuzzDecodeScore(f *testing.F)      { fuzz(f, "score") }
func FuzzDecodePast(f *testing.F)       { fuzz(f, "past") }
func FuzzDecodeEvent(f *testing.F)      { fuzz(f, "event") }
func FuzzDecodeDeadLetter(f *testing.F) { fuzz(f, "deadletter") }

// The assembler takes parts and manifests from outside: whatever they say, it
// neither panics nor gives a value that its manifest does not vouch for.
func FuzzAssembler(f *testing.F) {
	big := Control{Kind: "reference", ID: "m", Seq: 1, Value: sketches.Frame(KindReference, schema, bytes.Repeat([]byte{7}, MaxControl+10))}
	recs := big.Records()
	last := recs[len(recs)-1]
	_, _, manifest, err := sketches.Unframe(last.Value)
	must(f, err)
	f.Add([]byte("part/reference/m/1/0"), []byte{3, 1, 2, 3}, last.Key, manifest)
	f.Add([]byte("part/"), []byte{}, []byte("a//b/2"), []byte{1, 1})
	f.Fuzz(func(t *testing.T, partKey, part, key, manifest []byte) {
		var a Assembler
		for i, kv := range []KeyValue{
			{partKey, part}, {partKey, sketches.Frame(KindPart, schema, part)},
			{key, manifest}, {key, sketches.Frame(KindManifest, schema, manifest)},
		} {
			c, ok, err := a.Add(int64(i), kv.Key, kv.Value)
			if ok && err != nil {
				t.Fatalf("key %q: taken and refused: %v", kv.Key, err)
			}
			if ok && c.Key() != string(kv.Key) && !bytes.ContainsAny(kv.Key, "+0") { // "+1" and "01" are the number 1
				t.Fatalf("key %q reads as %q", kv.Key, c.Key())
			}
		}
	})
}
