package store

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Metric is one value of a metric of a run.
type Metric struct {
	RunID         string // filled on reading
	Key           string
	Value         float64 // NaN is kept; ±Inf becomes ±1.7976931348623157e308
	TimeMS        int64   // ≥ 0
	Step          int64   // may be negative
	ModelID       string  // logged model the value belongs to, or ""
	DatasetName   string
	DatasetDigest string
	Min, Max      float64 // range of the key's numbers; only with a run's latest, NaN if none
}

// Batch is what LogBatch writes in one transaction.
type Batch struct {
	Metrics []Metric
	Params  []Tag
	Tags    []Tag
}

const (
	insertMetricHead = `INSERT INTO metrics (run_id, key, timestamp, step, value, is_nan, model_id, dataset_name, dataset_digest) VALUES`
	insertMetricTail = "ON CONFLICT (run_id, key, timestamp, step, value, is_nan) DO NOTHING"
	upsertLatestHead = `INSERT INTO latest_metrics (run_id, key, timestamp, step, value, is_nan, model_id, dataset_name, dataset_digest, min_value, max_value) VALUES`
	insertParamHead  = "INSERT INTO run_params (run_id, key, value) VALUES"
	insertParamTail  = "ON CONFLICT (run_id, key) DO NOTHING"
	insertModelMHead = `INSERT INTO logged_model_metrics (model_id, run_id, key, timestamp, step, value, is_nan, dataset_name, dataset_digest) VALUES`
)

// upsertLatestTail keeps the greatest (step, timestamp, value) and widens the range.
var upsertLatestTail = func() string {
	const newer = "(excluded.step, excluded.timestamp, excluded.value) > (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)"
	var sets []string
	for _, col := range []string{"timestamp", "step", "value", "is_nan", "model_id", "dataset_name", "dataset_digest"} {
		sets = append(sets, fmt.Sprintf("%[1]s = CASE WHEN %[2]s THEN excluded.%[1]s ELSE latest_metrics.%[1]s END", col, newer))
	}
	sets = append(sets,
		"min_value = CASE WHEN latest_metrics.min_value IS NULL OR excluded.min_value < latest_metrics.min_value THEN excluded.min_value ELSE latest_metrics.min_value END",
		"max_value = CASE WHEN latest_metrics.max_value IS NULL OR excluded.max_value > latest_metrics.max_value THEN excluded.max_value ELSE latest_metrics.max_value END")
	return "ON CONFLICT (run_id, key) DO UPDATE SET " + strings.Join(sets, ", ")
}()

// LogBatch writes params, metrics and tags to an active run: all of it or nothing.
//
// Repeating a batch changes nothing: equal metrics are dropped, an equal param is
// fine. Errors: ErrInvalid for a value outside its limits, a param twice in one
// batch or a param that has another value already.
func (t *Tx) LogBatch(ctx context.Context, runID string, b Batch) error {
	run, err := t.activeRun(ctx, runID)
	if err != nil {
		return err
	}
	if err := b.check(); err != nil {
		return err
	}
	if err := t.putParams(ctx, run.ID, b.Params); err != nil {
		return err
	}
	if err := t.putMetrics(ctx, run.ID, b.Metrics); err != nil {
		return err
	}
	if err := t.putRunTags(ctx, run.ID, b.Tags); err != nil {
		return err
	}
	for _, tag := range b.Tags {
		if tag.Key != tagRunName {
			continue
		}
		if _, err := t.exec(ctx, "UPDATE runs SET name = $1 WHERE run_id = $2", tag.Value, run.ID); err != nil {
			return err
		}
	}
	return t.audit(ctx, "run.log", "run:"+run.ID, nil, b.summary())
}

// summary is what the audit row says: names for small batches, else counts.
func (b Batch) summary() map[string]any {
	out := map[string]any{}
	add := func(what string, n int, name string) {
		switch {
		case n == 1:
			out[what] = name
		case n > 1:
			out[what] = n
		}
	}
	if len(b.Metrics) > 0 {
		add("metrics", len(b.Metrics), b.Metrics[0].Key)
	}
	if len(b.Params) > 0 {
		add("params", len(b.Params), b.Params[0].Key)
	}
	if len(b.Tags) > 0 {
		add("tags", len(b.Tags), b.Tags[0].Key)
	}
	return out
}

// check refuses a batch before anything is written.
func (b Batch) check() error {
	for _, l := range []struct {
		what    string
		n, most int
	}{
		{"metrics", len(b.Metrics), maxBatchMetrics},
		{"params", len(b.Params), maxBatchParams},
		{"tags", len(b.Tags), maxBatchTags},
		{"metrics, params, and tags", len(b.Metrics) + len(b.Params) + len(b.Tags), maxBatchTotal},
	} {
		if l.n > l.most {
			return fault(ErrInvalid, "A batch logging request can contain at most %d %s. Got %d. Please split up %s across multiple requests and try again.", l.most, l.what, l.n, l.what)
		}
	}
	for i, m := range b.Metrics {
		where := fmt.Sprintf("metrics[%d]", i)
		if err := checkKey(where+".name", m.Key); err != nil {
			return err
		}
		if m.TimeMS < 0 {
			return fault(ErrInvalid, "Invalid value %d for parameter '%s.timestamp' supplied: timestamp must be a non-negative integer.", m.TimeMS, where)
		}
	}
	seen := make(map[string]string, len(b.Params))
	for i, p := range b.Params {
		if err := checkKey(fmt.Sprintf("params[%d].key", i), p.Key); err != nil {
			return err
		}
		if _, twice := seen[p.Key]; twice {
			return fault(ErrInvalid, "Duplicate parameter keys have been submitted: ['%s']. Please ensure the request contains only one param value per param key.", p.Key)
		}
		seen[p.Key] = p.Value
	}
	return checkRunTags("tags", b.Tags)
}

// putParams inserts params and refuses one that has another value already.
func (t *Tx) putParams(ctx context.Context, runID string, params []Tag) error {
	if len(params) == 0 {
		return nil
	}
	rows := make([][]any, len(params))
	keys := make([]string, len(params))
	want := make(map[string]string, len(params))
	for i, p := range params {
		value := cut(p.Value, maxParamValue)
		rows[i], keys[i], want[p.Key] = []any{runID, p.Key, value}, p.Key, value
	}
	sortRows(rows, 1)
	if err := t.insertRows(ctx, insertParamHead, insertParamTail, rows); err != nil {
		return err
	}
	var b builder
	b.text("SELECT key, value FROM run_params WHERE run_id = " + b.arg(runID) + " AND key IN " + b.list(keys) + " ORDER BY key")
	return t.rows(ctx, b.sql(), b.args, func(r scanner) error {
		var h Tag
		if err := r.Scan(&h.Key, &h.Value); err != nil {
			return err
		}
		if h.Value != want[h.Key] {
			return fault(ErrInvalid, "Changing param values is not allowed. Param with key='%s' was already logged with value='%s' for run ID='%s'. Attempted logging new value '%s'.", h.Key, h.Value, runID, want[h.Key])
		}
		return nil
	})
}

// putMetrics inserts metrics and moves the latest of each key. Keys are sorted, so
// that two batches to one run take row locks in the same order.
func (t *Tx) putMetrics(ctx context.Context, runID string, metrics []Metric) error {
	if len(metrics) == 0 {
		return nil
	}
	ms := slices.Clone(metrics)
	slices.SortStableFunc(ms, func(a, b Metric) int {
		av, _ := storedValue(a.Value)
		bv, _ := storedValue(b.Value)
		return cmp.Or(strings.Compare(a.Key, b.Key), cmp.Compare(a.Step, b.Step), cmp.Compare(a.TimeMS, b.TimeMS), cmp.Compare(av, bv))
	})
	var all, latest, ofModels [][]any
	for i, m := range ms {
		value, isNaN := storedValue(m.Value)
		all = append(all, []any{runID, m.Key, m.TimeMS, m.Step, value, isNaN, m.ModelID, m.DatasetName, m.DatasetDigest})
		if m.ModelID != "" {
			ofModels = append(ofModels, []any{m.ModelID, runID, m.Key, m.TimeMS, m.Step, value, isNaN, m.DatasetName, m.DatasetDigest})
		}
		if i == 0 || ms[i-1].Key != m.Key {
			latest = append(latest, append(slices.Clone(all[i]), nil, nil))
		}
		row := latest[len(latest)-1]
		copy(row, all[i]) // sorted: the last of a key is its greatest
		if isNaN == 0 {
			if row[9] == nil || value < row[9].(float64) {
				row[9] = value
			}
			if row[10] == nil || value > row[10].(float64) {
				row[10] = value
			}
		}
	}
	if err := t.insertRows(ctx, insertMetricHead, insertMetricTail, all); err != nil {
		return err
	}
	if err := t.insertRows(ctx, upsertLatestHead, upsertLatestTail, latest); err != nil {
		return err
	}
	if len(ofModels) == 0 {
		return nil
	}
	if err := t.knownModels(ctx, ofModels); err != nil {
		return err
	}
	return t.insertRows(ctx, insertModelMHead, "ON CONFLICT DO NOTHING", ofModels)
}

// knownModels refuses metrics of logged models that do not exist.
func (t *Tx) knownModels(ctx context.Context, rows [][]any) error {
	seen := map[string]bool{}
	for _, r := range rows {
		id := r[0].(string)
		if seen[id] {
			continue
		}
		seen[id] = true
		if _, err := t.loggedModelInfo(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// loadLatest fills the latest metrics of runs.
func (t *Tx) loadLatest(ctx context.Context, ids []string, at map[string]*Run) error {
	for _, part := range chunks(ids) {
		var b builder
		b.text(`SELECT run_id, key, timestamp, step, value, is_nan, model_id, dataset_name, dataset_digest, min_value, max_value
			FROM latest_metrics WHERE run_id IN ` + b.list(part) + " ORDER BY run_id, key")
		err := t.rows(ctx, b.sql(), b.args, func(r scanner) error {
			var m Metric
			var isNaN int
			var low, high *float64
			if err := r.Scan(&m.RunID, &m.Key, &m.TimeMS, &m.Step, &m.Value, &isNaN, &m.ModelID, &m.DatasetName, &m.DatasetDigest, &low, &high); err != nil {
				return err
			}
			m.Value, m.Min, m.Max = loadedValue(m.Value, isNaN), math.NaN(), math.NaN()
			if low != nil && high != nil {
				m.Min, m.Max = *low, *high
			}
			at[m.RunID].Metrics = append(at[m.RunID].Metrics, m)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
