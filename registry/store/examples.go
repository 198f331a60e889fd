package store

import (
	"context"
	"fmt"
	"strings"
)

// Order is where a value came from. Of two values of one group of an example the
// one with the greater (MS, Topic, Part, Offset) stays.
type Order struct {
	MS     int64 // event time
	Topic  string
	Part   int32
	Offset int64
}

func (o Order) after(p Order) bool {
	switch {
	case o.MS != p.MS:
		return o.MS > p.MS
	case o.Topic != p.Topic:
		return o.Topic > p.Topic
	case o.Part != p.Part:
		return o.Part > p.Part
	}
	return o.Offset > p.Offset
}

// The three groups of an example.
type (
	// Features are the inputs that the model was given.
	Features struct {
		Order
		JSON     string
		Segments string // JSON object of texts: those that the model declares; "" for none
	}
	// Prediction is what the model answered.
	Prediction struct {
		Order
		Version string
		Score   *float64 // nil where the model gave none
		Class   string   // predicted class or value as text, "" where there is none
	}
	// Label is what turned out to be true.
	Label struct {
		Order
		Value string
	}
)

// ExampleRow is one example of a model; a group that is not known is nil. An upsert
// gives any of them.
type ExampleRow struct {
	Model      string
	ID         string
	Features   *Features
	Prediction *Prediction
	Label      *Label
	EventMS    int64 // on reading: event time of the features, else of the prediction, else of the label
}

// merge keeps per group the greater value; a nil group is less than any.
func (e ExampleRow) merge(add ExampleRow) ExampleRow {
	if add.Features != nil && (e.Features == nil || add.Features.after(e.Features.Order)) {
		e.Features = add.Features
	}
	if add.Prediction != nil && (e.Prediction == nil || add.Prediction.after(e.Prediction.Order)) {
		e.Prediction = add.Prediction
	}
	if add.Label != nil && (e.Label == nil || add.Label.after(e.Label.Order)) {
		e.Label = add.Label
	}
	return e
}

// eventMS is the event time of the first group there is.
func (e *ExampleRow) eventMS() (int64, bool) {
	switch {
	case e.Features != nil:
		return e.Features.MS, true
	case e.Prediction != nil:
		return e.Prediction.MS, true
	case e.Label != nil:
		return e.Label.MS, true
	}
	return 0, false
}

const upsertExampleHead = `INSERT INTO examples (model, id, f_ms, f_topic, f_part, f_offset, features,
	p_ms, p_topic, p_part, p_offset, version, score, class, l_ms, l_topic, l_part, l_offset, label, event_ms, day, segments) VALUES`

// upsertExampleTail is ExampleRow.merge in SQL. event_ms and day come from the side
// whose value the first known group of the merged row has.
var upsertExampleTail = func() string {
	newer := func(g string) string {
		return strings.ReplaceAll(`(excluded.@_ms IS NOT NULL AND (examples.@_ms IS NULL OR (excluded.@_ms, excluded.@_topic, excluded.@_part, excluded.@_offset)
			> (examples.@_ms, examples.@_topic, examples.@_part, examples.@_offset)))`, "@", g)
	}
	pick := func(column, when string) string {
		return fmt.Sprintf("%[1]s = CASE WHEN %[2]s THEN excluded.%[1]s ELSE examples.%[1]s END", column, when)
	}
	var sets []string
	for _, g := range []struct {
		prefix  string
		columns []string
	}{
		{"f", []string{"f_ms", "f_topic", "f_part", "f_offset", "features", "segments"}},
		{"p", []string{"p_ms", "p_topic", "p_part", "p_offset", "version", "score", "class"}},
		{"l", []string{"l_ms", "l_topic", "l_part", "l_offset", "label"}},
	} {
		for _, c := range g.columns {
			sets = append(sets, pick(c, newer(g.prefix)))
		}
	}
	added := fmt.Sprintf(`CASE WHEN excluded.f_ms IS NOT NULL OR examples.f_ms IS NOT NULL THEN %s
		WHEN excluded.p_ms IS NOT NULL OR examples.p_ms IS NOT NULL THEN %s ELSE %s END`, newer("f"), newer("p"), newer("l"))
	sets = append(sets, pick("event_ms", added), pick("day", added))
	return "ON CONFLICT (model, id) DO UPDATE SET " + strings.Join(sets, ", ")
}()

// UpsertExamples merges rows into the stored ones, per group; repeats and any
// order of arrival end in the same rows.
//
// Errors: ErrInvalid for an example without model, id or any group, or with a
// score that is not finite.
func (t *Tx) UpsertExamples(ctx context.Context, rows []ExampleRow) error {
	rows = mergeRows(rows, func(e *ExampleRow) string { return joinKey(e.Model, e.ID) }, ExampleRow.merge)
	args := make([][]any, len(rows))
	for i := range rows {
		a, err := rows[i].args()
		if err != nil {
			return err
		}
		args[i] = a
	}
	return t.insertAll(ctx, upsertExampleHead, upsertExampleTail, args, func(i int) int {
		if f := rows[i].Features; f != nil {
			return len(f.JSON) + len(f.Segments)
		}
		return 0
	})
}

func (e *ExampleRow) args() ([]any, error) {
	ms, known := e.eventMS()
	if !known || e.Model == "" || e.ID == "" {
		return nil, fault(ErrInvalid, "example %q of model %q needs a model, an id and features, a prediction or a label", e.ID, e.Model)
	}
	day, err := dayOf(ms)
	if err != nil {
		return nil, err
	}
	a := append(make([]any, 0, 22), e.Model, e.ID)
	var segments *string
	if f := e.Features; f != nil {
		if f.Segments != "" {
			segments = &f.Segments
		}
		a = append(a, f.MS, f.Topic, f.Part, f.Offset, f.JSON)
	} else {
		a = append(a, nil, nil, nil, nil, nil)
	}
	if p := e.Prediction; p != nil {
		if err := checkFinite(fmt.Sprintf("score of example %q of model %q", e.ID, e.Model), p.Score); err != nil {
			return nil, err
		}
		a = append(a, p.MS, p.Topic, p.Part, p.Offset, p.Version, p.Score, p.Class)
	} else {
		a = append(a, nil, nil, nil, nil, nil, nil, nil)
	}
	if l := e.Label; l != nil {
		a = append(a, l.MS, l.Topic, l.Part, l.Offset, l.Value)
	} else {
		a = append(a, nil, nil, nil, nil, nil)
	}
	return append(a, ms, day, segments), nil
}

// UpsertExamples is Tx.UpsertExamples in a transaction of its own.
func (s *Store) UpsertExamples(ctx context.Context, rows []ExampleRow) error {
	return s.Tx(ctx, func(t *Tx) error { return t.UpsertExamples(ctx, rows) })
}

// ExampleQuery selects examples of one model that have features or a prediction;
// a zero field does not restrict.
type ExampleQuery struct {
	Model         string // required
	Version       string // of the prediction
	FromMS        int64  // event time, inclusive
	ToMS          int64  // event time, exclusive
	LabelledOnly  bool
	WithFeatures  bool  // only examples whose features are stored
	LabelsUntilMS int64 // a label with a later event time counts as not there
}

func (q ExampleQuery) where(b *builder) {
	b.text(" WHERE model = " + b.arg(q.Model) + " AND (f_ms IS NOT NULL OR p_ms IS NOT NULL)")
	if q.Version != "" {
		b.text(" AND version = " + b.arg(q.Version))
	}
	if q.FromMS != 0 {
		b.text(" AND event_ms >= " + b.arg(q.FromMS))
	}
	if q.ToMS != 0 {
		b.text(" AND event_ms < " + b.arg(q.ToMS))
	}
	if q.WithFeatures {
		b.text(" AND f_ms IS NOT NULL")
	}
	if q.LabelledOnly {
		b.text(" AND " + q.labelled(b))
	}
}

// labelled is the condition that a label is there as far as q can see.
func (q ExampleQuery) labelled(b *builder) string {
	if q.LabelsUntilMS == 0 {
		return "l_ms IS NOT NULL"
	}
	return "l_ms <= " + b.arg(q.LabelsUntilMS)
}

// Examples hands the examples that q selects to yield, ordered by event time and
// id, from one snapshot; an error of yield ends the reading and is returned.
func (t *Tx) Examples(ctx context.Context, q ExampleQuery, yield func(ExampleRow) error) error {
	var b builder
	b.text(`SELECT model, id, f_ms, f_topic, f_part, f_offset, features, p_ms, p_topic, p_part, p_offset, version, score, class,
		l_ms, l_topic, l_part, l_offset, label, event_ms, segments FROM examples`)
	q.where(&b)
	b.text(" ORDER BY event_ms, id")
	return t.rows(ctx, b.sql(), b.args, func(r scanner) error {
		e, err := scanExample(r)
		if err != nil {
			return err
		}
		if q.LabelsUntilMS != 0 && e.Label != nil && e.Label.MS > q.LabelsUntilMS {
			e.Label = nil
		}
		return yield(e)
	})
}

// Examples is Tx.Examples over a snapshot of its own. yield may use the store, but
// should be quick: the snapshot is held open meanwhile.
func (s *Store) Examples(ctx context.Context, q ExampleQuery, yield func(ExampleRow) error) error {
	return s.Read(ctx, func(t *Tx) error { return t.Examples(ctx, q, yield) })
}

// group reads the order of a group, which is missing where its time is NULL.
type group struct {
	ms, part, offset *int64
	topic            *string
}

func (g *group) order() (Order, bool) {
	if g.ms == nil || g.part == nil || g.offset == nil || g.topic == nil {
		return Order{}, false
	}
	return Order{MS: *g.ms, Topic: *g.topic, Part: int32(*g.part), Offset: *g.offset}, true
}

func scanExample(r scanner) (ExampleRow, error) {
	var e ExampleRow
	var f, p, l group
	var features, version, class, label, segments *string
	var score *float64
	err := r.Scan(&e.Model, &e.ID, &f.ms, &f.topic, &f.part, &f.offset, &features, &p.ms, &p.topic, &p.part, &p.offset, &version, &score, &class,
		&l.ms, &l.topic, &l.part, &l.offset, &label, &e.EventMS, &segments)
	if err != nil {
		return e, err
	}
	if o, ok := f.order(); ok {
		e.Features = &Features{Order: o, JSON: orEmpty(features), Segments: orEmpty(segments)}
	}
	if o, ok := p.order(); ok {
		e.Prediction = &Prediction{Order: o, Version: orEmpty(version), Score: score, Class: orEmpty(class)}
	}
	if o, ok := l.order(); ok {
		e.Label = &Label{Order: o, Value: orEmpty(label)}
	}
	return e, nil
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// ExampleCounts says how many examples there are and of which times.
type ExampleCounts struct {
	Rows            int64
	Labelled        int64
	FirstMS         int64 // event times; 0 where there are no rows
	LastMS          int64
	FirstLabelledMS int64 // event times of labelled rows; 0 where there are none
	LastLabelledMS  int64
}

// ExampleCounts counts the examples that q selects.
func (t *Tx) ExampleCounts(ctx context.Context, q ExampleQuery) (ExampleCounts, error) {
	var b builder
	labelled := func() string { return "CASE WHEN " + q.labelled(&b) }
	b.text("SELECT count(*), count(" + labelled() + " THEN 1 END), coalesce(min(event_ms), 0), coalesce(max(event_ms), 0), coalesce(min(" +
		labelled() + " THEN event_ms END), 0), coalesce(max(" + labelled() + " THEN event_ms END), 0) FROM examples")
	q.where(&b)
	var c ExampleCounts
	err := t.row(ctx, b.sql(), b.args, &c.Rows, &c.Labelled, &c.FirstMS, &c.LastMS, &c.FirstLabelledMS, &c.LastLabelledMS)
	return c, err
}

// ExampleCounts is Tx.ExampleCounts over a snapshot of its own.
func (s *Store) ExampleCounts(ctx context.Context, q ExampleQuery) (ExampleCounts, error) {
	return inRead(ctx, s, func(t *Tx) (ExampleCounts, error) { return t.ExampleCounts(ctx, q) })
}

// DeleteExamplesBefore removes the model's examples of days before day, a batch per
// transaction, and returns how many there were. A label that never met its
// prediction goes by its own day.
func (s *Store) DeleteExamplesBefore(ctx context.Context, model, day string) (int64, error) {
	ms, err := checkDay(day)
	if err != nil {
		return 0, err
	}
	return s.deleteBatches(ctx, `DELETE FROM examples WHERE (model, id) IN
		(SELECT model, id FROM examples WHERE model = $1 AND event_ms < $2 ORDER BY event_ms LIMIT $3)`, model, ms)
}
