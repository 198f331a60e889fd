package store

import (
	"context"
	"math"
	"slices"
)

const (
	metricColumns = "run_id, key, timestamp, step, value, is_nan, model_id, dataset_name, dataset_digest"

	// MaxHistory bounds the points of one answer of MetricHistory and BulkHistory.
	MaxHistory = 25_000
	// MaxHistoryRuns bounds the runs of one BulkHistory.
	MaxHistoryRuns = 100
)

func scanMetrics(out *[]Metric) func(scanner) error {
	return func(r scanner) error {
		m := Metric{Min: math.NaN(), Max: math.NaN()}
		var isNaN int
		if err := r.Scan(&m.RunID, &m.Key, &m.TimeMS, &m.Step, &m.Value, &isNaN, &m.ModelID, &m.DatasetName, &m.DatasetDigest); err != nil {
			return err
		}
		m.Value = loadedValue(m.Value, isNaN)
		*out = append(*out, m)
		return nil
	}
}

// MetricHistory returns the values of one metric, by time, step and value, and the
// token of the next page ("" on the last). limit 0 = MaxHistory. An unknown key
// yields nothing; an unknown run is ErrNotFound.
func (t *Tx) MetricHistory(ctx context.Context, runID, key string, limit int, token string) ([]Metric, string, error) {
	if _, err := t.runInfo(ctx, runID); err != nil {
		return nil, "", err
	}
	if limit < 0 || limit > MaxHistory {
		return nil, "", fault(ErrInvalid, "Invalid value %d for parameter 'max_results' supplied: it must be between 1 and %d.", limit, MaxHistory)
	}
	if limit == 0 {
		limit = MaxHistory
	}
	bound := tokenBinding("history", runID, key)
	offset, err := readToken(token, bound)
	if err != nil {
		return nil, "", err
	}
	var out []Metric
	err = t.rows(ctx, "SELECT "+metricColumns+` FROM metrics WHERE run_id = $1 AND key = $2
		ORDER BY timestamp, step, value, is_nan LIMIT $3 OFFSET $4`, []any{runID, key, limit + 1, offset}, scanMetrics(&out))
	if err != nil {
		return nil, "", err
	}
	out, next := page(out, limit, offset, bound)
	return out, next, nil
}

// BulkHistory returns one metric of many runs, by run, time, step and value, at
// most limit points in all (0 = MaxHistory).
func (t *Tx) BulkHistory(ctx context.Context, runIDs []string, key string, limit int) ([]Metric, error) {
	if err := checkHistoryRuns(runIDs); err != nil || len(runIDs) == 0 {
		return nil, err
	}
	var b builder
	b.text("SELECT " + metricColumns + " FROM metrics WHERE run_id IN " + b.list(runIDs) + " AND key = " + b.arg(key) +
		" ORDER BY run_id, timestamp, step, value LIMIT " + b.arg(clampLimit(limit, MaxHistory, MaxHistory)))
	var out []Metric
	err := t.rows(ctx, b.sql(), b.args, scanMetrics(&out))
	return out, err
}

func checkHistoryRuns(runIDs []string) error {
	if len(runIDs) > MaxHistoryRuns {
		return fault(ErrInvalid, "GetMetricHistoryBulk request cannot specify more than %d run_ids. Received %d run_ids.", MaxHistoryRuns, len(runIDs))
	}
	return nil
}

// SampledHistory returns one metric of many runs, thinned to about limit steps per
// run between first and last (both nil = all steps). The first and the last step
// of each run in the range are always kept.
func (t *Tx) SampledHistory(ctx context.Context, runIDs []string, key string, first, last *int64, limit int) ([]Metric, error) {
	if err := checkHistoryRuns(runIDs); err != nil || len(runIDs) == 0 {
		return nil, err
	}
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	if first != nil && last != nil {
		from, to = *first, *last
	}
	steps := map[int64]bool{}
	ofRun := make(map[string][]int64, len(runIDs))
	for _, id := range runIDs {
		var own []int64
		err := t.rows(ctx, `SELECT DISTINCT step FROM metrics WHERE run_id = $1 AND key = $2 AND step BETWEEN $3 AND $4 ORDER BY step`,
			[]any{id, key, from, to}, func(r scanner) error {
				var s int64
				err := r.Scan(&s)
				own = append(own, s)
				return err
			})
		if err != nil {
			return nil, err
		}
		ofRun[id] = own
		for _, s := range own {
			steps[s] = true
		}
	}
	keep := evenSteps(steps, limit)
	var out []Metric
	for _, id := range runIDs {
		own := ofRun[id]
		var wanted []int64
		for i, s := range own {
			if i == 0 || i == len(own)-1 || keep[s] {
				wanted = append(wanted, s)
			}
		}
		for part := range slices.Chunk(wanted, idChunk) {
			var b builder
			b.text("SELECT " + metricColumns + " FROM metrics WHERE run_id = " + b.arg(id) + " AND key = " + b.arg(key) + " AND step IN (")
			for i, s := range part {
				if i > 0 {
					b.text(",")
				}
				b.text(b.arg(s))
			}
			b.text(") ORDER BY step, timestamp, value")
			if err := t.rows(ctx, b.sql(), b.args, scanMetrics(&out)); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// evenSteps picks at most limit of the steps, evenly by rank, with first and last.
func evenSteps(steps map[int64]bool, limit int) map[int64]bool {
	if len(steps) <= limit {
		return steps
	}
	all := make([]int64, 0, len(steps))
	for s := range steps {
		all = append(all, s)
	}
	slices.Sort(all)
	keep := make(map[int64]bool, limit)
	for i := range limit {
		at := 0
		if limit > 1 {
			at = i * (len(all) - 1) / (limit - 1)
		}
		keep[all[at]] = true
	}
	return keep
}
