package bench

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/log"
)

// The model that the events are of.
const (
	model   = "credit_default"
	version = "3"
)

// events makes predictions with numeric features, one per millisecond of event time,
// from a seed: every tenth feature a whole number, the others a third each normal,
// log-normal and Pareto, written with six digits.
type events struct {
	rng     *rand.Rand
	names   []string
	startMS int64
	n       int64
}

func newEvents(features int, seed uint64, start time.Time) *events {
	e := &events{rng: rand.New(rand.NewPCG(seed, 0x6472696674)), startMS: start.UnixMilli()}
	for i := range features {
		e.names = append(e.names, fmt.Sprintf("f%d", i))
	}
	return e
}

func (e *events) draw(feature int) float64 {
	if feature%10 == 9 {
		return math.Floor(20 * e.rng.ExpFloat64())
	}
	switch feature % 3 {
	case 0:
		return e.rng.NormFloat64()
	case 1:
		return math.Exp(e.rng.NormFloat64())
	}
	return math.Pow(1-e.rng.Float64(), -1/1.5)
}

// next appends the next event to b and returns its time, epoch ms.
func (e *events) next(b []byte) ([]byte, int64) {
	ms := e.startMS + e.n
	e.n++
	score := e.rng.Float64()
	b = append(b, `{"type":"prediction","model":"`+model+`","version":"`+version+`","id":"`...)
	b = fmt.Appendf(b, "%012x", e.rng.Uint64()>>16)
	b = append(b, `","ts":"`...)
	b = time.UnixMilli(ms).UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	b = append(b, `","features":{`...)
	for i, name := range e.names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, name...)
		b = append(b, `":`...)
		b = strconv.AppendFloat(b, e.draw(i), 'g', 6, 64)
	}
	b = append(b, `},"score":`...)
	b = strconv.AppendFloat(b, score, 'f', 4, 64)
	b = append(b, `,"prediction":`...)
	b = strconv.AppendInt(b, int64(math.Round(score)), 10)
	return append(b, '}'), ms
}

// records makes n events for a partition.
func (e *events) records(p log.Partition, n int) []log.Record {
	recs := make([]log.Record, n)
	for i := range recs {
		value, ms := e.next(nil)
		recs[i] = log.Record{Partition: p, Offset: int64(i), TimeMS: ms, Value: value}
	}
	return recs
}

// grid is made from a reference of its own draw.
func (e *events) grid(rows int) (*sketches.Grid, error) {
	fs := make([]sketches.FeatureGrid, len(e.names))
	x := make([]float64, rows)
	for i, name := range e.names {
		for j := range x {
			x[j] = e.draw(i)
		}
		var err error
		if fs[i], err = sketches.NewNumeric(name, x); err != nil {
			return nil, err
		}
	}
	return sketches.NewGrid(fs)
}
