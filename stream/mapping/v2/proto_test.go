package v2_test

import (
	"math"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/driftline/driftline/stream/mapping/tree"
	v2 "github.com/driftline/driftline/stream/mapping/v2"
)

// raw makes a request of one tensor with raw contents.
func raw(datatype string, n int64, contents []byte) []byte {
	text := func(b []byte, num protowire.Number, s string) []byte {
		return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), s)
	}
	shape := protowire.AppendVarint(nil, uint64(n))
	x := text(text(text(nil, 1, "x"), 2, datatype), 3, string(shape))
	return text(text(text(nil, 1, "m"), 5, string(x)), 7, string(contents))
}

func TestProto_RawContentsOfEveryDatatype(t *testing.T) {
	t.Parallel()
	tests := []struct {
		datatype string
		bytes    []byte
		want     []float64 // NaN for a missing value
	}{
		{"BOOL", []byte{0, 1}, []float64{0, 1}},
		{"INT8", []byte{0x80, 0x7f}, []float64{-128, 127}},
		{"UINT8", []byte{0x80, 0x7f}, []float64{128, 127}},
		{"INT16", []byte{0xff, 0xff, 1, 0}, []float64{-1, 1}},
		{"UINT16", []byte{0xff, 0xff, 1, 0}, []float64{65535, 1}},
		{"INT32", []byte{0xfe, 0xff, 0xff, 0xff}, []float64{-2}},
		{"UINT32", []byte{0xfe, 0xff, 0xff, 0xff}, []float64{4294967294}},
		{"INT64", []byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, []float64{-2}},
		{"UINT64", []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, []float64{math.MaxUint64}},
		{"FP16", []byte{0x00, 0x3c, 0x00, 0xc0, 0x01, 0x00, 0xff, 0x7b, 0x00, 0x7c, 0x00, 0x7e, 0x00, 0x80}, []float64{1, -2, math.Ldexp(1, -24), 65504, math.Inf(1), math.NaN(), 0}},
		{"BF16", []byte{0x80, 0x3f, 0x20, 0xc1}, []float64{1, -10}},
		{"FP32", []byte{0, 0, 0x20, 0x41}, []float64{10}},
		{"FP64", []byte{0, 0, 0, 0, 0, 0, 0x24, 0x40}, []float64{10}},
	}
	for _, tt := range tests {
		var d v2.Decoder
		var into tree.Tree
		root, bad := d.Proto(raw(tt.datatype, int64(len(tt.want)), tt.bytes), true, &into)
		if bad != nil {
			t.Errorf("%s: %v", tt.datatype, bad)
			continue
		}
		i := 0
		for row := range into.Children(into.Member(root, v2.Rows)) {
			n := into.At(into.Member(row, "x"))
			if math.IsNaN(tt.want[i]) != (n.Kind == tree.Null) || n.Kind != tree.Null && n.Num != tt.want[i] {
				t.Errorf("%s, value %d: %v, want %v", tt.datatype, i, n.Num, tt.want[i])
			}
			i++
		}
		if i != len(tt.want) {
			t.Errorf("%s: %d rows, want %d", tt.datatype, i, len(tt.want))
		}
	}
}

func FuzzProto(f *testing.F) {
	f.Add(raw("FP64", 1, make([]byte, 8)), true)
	f.Add(raw("BYTES", 2, []byte{1, 0, 0, 0, 'a', 0, 0, 0, 0}), false)
	f.Fuzz(func(t *testing.T, b []byte, request bool) {
		var d v2.Decoder
		var into tree.Tree
		root, bad := d.Proto(b, request, &into)
		if bad != nil {
			if bad.Detail == "" || bad.Code == "" {
				t.Fatalf("Proto(%x) = %+v", b, bad)
			}
			return
		}
		if at := into.Member(root, v2.Rows); at == tree.None || into.At(at).Kind != tree.List {
			t.Fatalf("Proto(%x) has no rows", b)
		}
	})
}
