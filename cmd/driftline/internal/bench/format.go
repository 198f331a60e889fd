package bench

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/mapping/packed"
)

// Formats are the encodings of events that can be measured: the native JSON, and packed
// protobuf, which has no names and no digits to read.
var Formats = []string{formatJSON, formatPacked}

const (
	formatJSON   = "json"
	formatPacked = "packed"
)

// reader returns a reader of the format's events.
func (b *Bench) reader() event.Reader {
	if b.cfg.Format == formatPacked {
		return packed.New(packed.Config{Order: b.names})
	}
	return event.NewDecoder(event.Limits{})
}

// Field numbers of stream/mapping/packed/event.proto.
const (
	packedType, packedModel, packedVersion, packedID, packedTS, packedFeatures, packedScore, packedPrediction = 1, 2, 3, 4, 5, 6, 7, 8

	packedPredictionType = 2 // enum Type
	packedNumber         = 1 // of Value
)

// pack writes native events as packed protobuf.
func pack(recs []log.Record) error {
	dec := event.NewDecoder(event.Limits{})
	for i := range recs {
		evs, err := dec.Read(&event.Raw{Value: recs[i].Value})
		if err != nil {
			return err
		}
		recs[i].Value = packEvent(&evs[0])
	}
	return nil
}

func packEvent(ev *event.Event) []byte {
	text := func(b []byte, num protowire.Number, s string) []byte {
		return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), s)
	}
	double := func(b []byte, num protowire.Number, x float64) []byte {
		return protowire.AppendFixed64(protowire.AppendTag(b, num, protowire.Fixed64Type), math.Float64bits(x))
	}
	b := protowire.AppendVarint(protowire.AppendTag(nil, packedType, protowire.VarintType), packedPredictionType)
	b = text(text(text(b, packedModel, ev.Model), packedVersion, ev.Version), packedID, ev.ID)
	b = protowire.AppendVarint(protowire.AppendTag(b, packedTS, protowire.VarintType), uint64(ev.TimeMS))
	b = protowire.AppendTag(b, packedFeatures, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(8*len(ev.Features)))
	for i := range ev.Features {
		b = protowire.AppendFixed64(b, math.Float64bits(float(ev.Features[i].Value)))
	}
	b = double(b, packedScore, ev.Score)
	return protowire.AppendBytes(protowire.AppendTag(b, packedPrediction, protowire.BytesType), double(nil, packedNumber, float(ev.Prediction)))
}

// float is the number of a value, which all of these events hold.
func float(v sketches.Value) float64 {
	x, _ := v.Float()
	return x
}
