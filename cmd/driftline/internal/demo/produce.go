package demo

import (
	"context"
	"fmt"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/trainer/gbdt"
)

// threshold turns a score into a class, for every version alike.
const threshold = 0.5

// service answers for each hour with the champion of the moment, and writes what a
// prediction service writes: the prediction with its features, and later the label.
type service struct {
	broker log.Log
	rows   []row
	// Rows and labels before these were sent.
	sent, labelled int

	model   *gbdt.Model // champion, nil before there is one
	version string
	first   *gbdt.Model // version 1, scored beside it for comparison only
}

// outcome is one scored hour.
type outcome struct {
	timeMS               int64
	version              string
	right, rightIfStatic bool
}

// day sends everything up to and including endMS in order of record time, then ticks,
// which say on every partition that the day is over. The row at endMS itself belongs
// to this side: once the clock has passed the end by the lateness, it would be late.
func (s *service) day(ctx context.Context, endMS, lateMS int64) ([]outcome, error) {
	var recs []log.Record
	var out []outcome
	for ; s.sent < len(s.rows) && s.rows[s.sent].timeMS <= endMS; s.sent++ {
		r := s.rows[s.sent]
		ev, o, err := s.answer(r)
		if err != nil {
			return nil, err
		}
		if o != nil {
			out = append(out, *o)
		}
		recs = append(recs, record(predictionsTopic, s.sent, r.timeMS, r.id, ev))
	}
	for ; s.labelled < len(s.rows) && s.rows[s.labelled].timeMS+labelDelayMS <= endMS; s.labelled++ {
		r := s.rows[s.labelled]
		at := r.timeMS + labelDelayMS
		label := event.Event{Type: event.TypeLabel, Model: Model, ID: r.id, TimeMS: at, HasTime: true, HasLabel: true, Label: sketches.Number(class(r.positive))}
		recs = append(recs, record(labelsTopic, s.labelled, at, r.id, label))
	}
	for _, topic := range []string{predictionsTopic, labelsTopic} {
		for p := range inputPartitions {
			recs = append(recs, record(topic, p, endMS+lateMS+1000, "", event.Event{Type: event.TypeTick}))
		}
	}
	if err := s.broker.Append(ctx, recs); err != nil {
		return nil, fmt.Errorf("send the records of a day: %w", err)
	}
	return out, nil
}

// labelDelayMS is when a label becomes known: when the rentals of the hour are counted.
const labelDelayMS = int64(3_600_000)

func record(topic string, n int, timeMS int64, key string, ev event.Event) log.Record {
	return log.Record{Partition: log.Partition{Topic: topic, Index: int32(n % inputPartitions)}, TimeMS: timeMS, Key: []byte(key), Value: event.Encode(ev)}
}

// answer makes the event of one row: features alone before there is a champion, else
// a prediction.
func (s *service) answer(r row) (event.Event, *outcome, error) {
	ev := event.Event{Type: event.TypeFeature, Model: Model, ID: r.id, TimeMS: r.timeMS, HasTime: true}
	for i, name := range features {
		ev.Features = append(ev.Features, event.Feature{Name: name, Value: sketches.Number(r.values[i])})
	}
	if s.model == nil {
		return ev, nil, nil
	}
	score, err := predict(s.model, r)
	if err != nil {
		return ev, nil, err
	}
	static, err := predict(s.first, r)
	if err != nil {
		return ev, nil, err
	}
	ev.Type, ev.Version = event.TypePrediction, s.version
	ev.Score, ev.HasScore = score, true
	ev.Prediction, ev.HasPrediction = sketches.Number(class(score >= threshold)), true
	return ev, &outcome{
		timeMS: r.timeMS, version: s.version,
		right: (score >= threshold) == r.positive, rightIfStatic: (static >= threshold) == r.positive,
	}, nil
}

func predict(m *gbdt.Model, r row) (float64, error) {
	x := make([]float32, len(r.values))
	for i, v := range r.values {
		x[i] = float32(v)
	}
	var out [1]float64
	if err := m.Predict(x, out[:]); err != nil {
		return 0, fmt.Errorf("score the hour %s: %w", r.id, err)
	}
	return out[0], nil
}

func class(positive bool) float64 {
	if positive {
		return 1
	}
	return 0
}
