package trainer

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/driftline/driftline/registry/store"
)

// Paths of a data set among a run's artifacts.
const (
	manifestPath = "dataset/manifest.json"
	dataPath     = "dataset/data.csv.gz"
)

// maxData bounds the data file of one retrain, in bytes after unpacking.
const maxData = 4 << 30

// notNumericShare is the share of rows in which a feature may be no number; the
// learner takes numbers only, but one wrong event must not stop training.
const notNumericShare = 0.01

// Manifest says what a retrain was trained and judged on. It is written before the
// data file, which never changes afterwards.
type Manifest struct {
	Retrain  string   `json:"retrain"`
	Model    string   `json:"model"`
	Query    Query    `json:"query"`
	Features []string `json:"features"` // columns of the file: the challenger's, then what the champion needs besides
	Trained  int      `json:"trained"`  // the first so many are the challenger's

	// Segments name further columns of the file, behind the features: in which part of the
	// traffic a row lies. None in data sets of models that declared none.
	Segments []string `json:"segments,omitempty"`

	FirstDay string `json:"first_day"`
	LastDay  string `json:"last_day"`
	Days     int    `json:"days"` // with rows

	Rows       int            `json:"rows"`
	Positives  int            `json:"positives"` // rows with label 1
	Excluded   map[string]int `json:"excluded"`
	NotNumeric map[string]int `json:"not_numeric,omitempty"`

	HoldoutFromDay    int32 `json:"holdout_from_day"` // days since 1970-01-01
	HoldoutThroughDay int32 `json:"holdout_through_day"`
	TrainRows         int   `json:"train_rows"`
	HoldoutRows       int   `json:"holdout_rows"`

	File   string `json:"file"`
	Bytes  int    `json:"bytes"`
	SHA256 string `json:"sha256"` // of the file
}

// Query is the part of the examples that a data set holds; event times, ms.
type Query struct {
	FromMS        int64 `json:"from_ms"` // inclusive, 0: from the first
	ToMS          int64 `json:"to_ms"`   // exclusive
	LabelsUntilMS int64 `json:"labels_until_ms,omitempty"`
}

// manifestOf returns the manifest in a retrain's row.
func manifestOf(r store.Retrain) (m Manifest, ok bool) {
	if r.DatasetJSON == "" {
		return m, false
	}
	err := json.Unmarshal([]byte(r.DatasetJSON), &m)
	return m, err == nil
}

type dataset struct {
	Manifest
	rows []row // by event time and id
}

// train and holdout are the two parts, cut between two days.
func (d *dataset) train() []row   { return d.rows[:d.TrainRows] }
func (d *dataset) holdout() []row { return d.rows[d.TrainRows:] }

// columns are the challenger's features.
func (d *dataset) columns() []string { return d.Features[:d.Trained] }

// baseRate is the positive share of rows.
func baseRate(rows []row) float64 {
	n := 0
	for _, r := range rows {
		if r.y == 1 {
			n++
		}
	}
	if len(rows) == 0 {
		return 0
	}
	return float64(n) / float64(len(rows))
}

// newDataset reads the rows of a retrain. also names columns that the champion needs.
func newDataset(ctx context.Context, s Spec, st *store.Store, r store.Retrain, also []string) (*dataset, []byte, error) {
	q := Query{FromMS: r.ClockMS - s.WindowMS, ToMS: r.ClockMS, LabelsUntilMS: r.ClockMS}
	if r.Kind == "bootstrap" {
		q = Query{ToMS: r.ClockMS} // everything there is; labels are known by their rows being whole days
	}
	query := store.ExampleQuery{Model: s.Model, FromMS: q.FromMS, ToMS: q.ToMS, LabelsUntilMS: q.LabelsUntilMS}
	names := s.Features
	if len(names) == 0 {
		all, err := collect(ctx, s, st, query, nil)
		if err != nil {
			return nil, nil, err
		}
		names = all.names
	}
	columns := slices.Clone(names)
	for _, name := range also {
		if !slices.Contains(columns, name) {
			columns = append(columns, name)
		}
	}
	c, err := collect(ctx, s, st, query, columns)
	if err != nil {
		return nil, nil, err
	}
	d := &dataset{rows: c.rows, Manifest: Manifest{
		Retrain: r.ID, Model: s.Model, Query: q, Features: columns, Trained: len(names), Rows: len(c.rows), Excluded: c.excluded, NotNumeric: c.notNumeric, File: dataPath,
		Segments: segmentNames(s.Segments),
	}}
	if err := d.split(s); err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		if n := c.notNumeric[name]; float64(n) > notNumericShare*float64(len(c.rows)) {
			return nil, nil, refuse("feature %q is no number in %d of %d rows; the built-in learner takes numbers and booleans: leave it out of features", name, n, len(c.rows))
		}
	}
	body, err := d.encode()
	if err != nil {
		return nil, nil, err
	}
	sum := sha256.Sum256(body)
	d.Bytes, d.SHA256 = len(body), hex.EncodeToString(sum[:])
	return d, body, nil
}

// split cuts off the newest days as the holdout and counts.
func (d *dataset) split(s Spec) error {
	if len(d.rows) == 0 {
		return tooLittle("no labelled example with features from %s to %s (left out: %v)", date(d.Query.FromMS), date(d.Query.ToMS), d.Excluded)
	}
	days := map[int32]bool{}
	for _, r := range d.rows {
		days[dayNumber(r.ms)] = true
		if r.y == 1 {
			d.Positives++
		}
	}
	first, last := d.rows[0].ms, d.rows[len(d.rows)-1].ms
	d.Days, d.FirstDay, d.LastDay = len(days), date(first)[:10], date(last)[:10]
	d.HoldoutThroughDay = dayNumber(last)
	d.HoldoutFromDay = d.HoldoutThroughDay + 1 - int32(s.Gate.Holdout.Days)
	d.TrainRows, _ = slices.BinarySearchFunc(d.rows, d.HoldoutFromDay, func(r row, day int32) int { return int(dayNumber(r.ms)) - int(day) })
	d.HoldoutRows = len(d.rows) - d.TrainRows
	if d.TrainRows < s.MinRows {
		return tooLittle("%d labelled rows to train on before the %d days of the holdout, min_rows is %d", d.TrainRows, s.Gate.Holdout.Days, s.MinRows)
	}
	if s.Gate.Kind != "regression" {
		seen := map[float64]bool{}
		for _, r := range d.train() {
			seen[r.y] = true
		}
		if len(seen) < 2 {
			return tooLittle("all %d rows to train on have the same label", d.TrainRows)
		}
	}
	return nil
}

// segmentColumn stands before the name of a segment in the data file's header.
const segmentColumn = "segment:"

// header returns the columns of the data file.
func (m Manifest) header() []string {
	head := append([]string{"id", "event_ms", "label"}, m.Features...)
	for _, name := range m.Segments {
		head = append(head, segmentColumn+name)
	}
	return head
}

// encode writes the data file: a header, then id, event_ms, label, the features and the
// segments; an empty field is a missing value. Equal rows give equal bytes.
func (d *dataset) encode() ([]byte, error) {
	var buf bytes.Buffer
	zip := gzip.NewWriter(&buf)
	w := csv.NewWriter(zip)
	if err := w.Write(d.header()); err != nil {
		return nil, err
	}
	number := func(v float64) string {
		if math.IsNaN(v) {
			return ""
		}
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	line := make([]string, 0, 3+len(d.Features)+len(d.Segments))
	for _, r := range d.rows {
		line = append(line[:0], r.id, strconv.FormatInt(r.ms, 10), number(r.y))
		for _, v := range r.x {
			line = append(line, number(v))
		}
		for k := range d.Segments {
			if r.segments == nil {
				line = append(line, "")
				continue
			}
			line = append(line, r.segments[k])
		}
		if err := w.Write(line); err != nil {
			return nil, err
		}
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return nil, err
	}
	if err := zip.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// loadDataset reads a data file back and holds it against its manifest.
func loadDataset(m Manifest, r io.Reader) (*dataset, error) {
	body, err := io.ReadAll(io.LimitReader(r, int64(m.Bytes)+1))
	if err != nil {
		return nil, fmt.Errorf("read data set: %w", err)
	}
	sum := sha256.Sum256(body)
	if got := hex.EncodeToString(sum[:]); got != m.SHA256 {
		return nil, refuse("the data file has SHA-256 %s, its manifest says %s: the artifact was changed", got, m.SHA256)
	}
	zip, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, refuse("the data file: %v", err)
	}
	c := csv.NewReader(io.LimitReader(zip, maxData))
	c.ReuseRecord = true
	head, err := c.Read()
	if err != nil || len(head) < 3 || !slices.Equal(head[3:], m.header()[3:]) {
		return nil, refuse("the data file does not begin with the columns of its manifest (%v)", err)
	}
	if m.Trained < 1 || m.Trained > len(m.Features) || m.TrainRows < 0 || m.TrainRows > m.Rows {
		return nil, refuse("the manifest contradicts itself: %d of %d features, %d of %d rows", m.Trained, len(m.Features), m.TrainRows, m.Rows)
	}
	d := &dataset{Manifest: m}
	same := sharedTexts{}
	for {
		line, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, refuse("the data file: %v", err)
		}
		one, err := parseRow(line, len(m.Features), same)
		if err != nil {
			return nil, refuse("the data file, row %d: %v", len(d.rows)+1, err)
		}
		d.rows = append(d.rows, one)
	}
	if len(d.rows) != m.Rows {
		return nil, refuse("the data file has %d rows, its manifest says %d", len(d.rows), m.Rows)
	}
	return d, nil
}

func parseRow(line []string, features int, same sharedTexts) (r row, err error) {
	number := func(s string) float64 {
		if s == "" {
			return math.NaN()
		}
		v, e := strconv.ParseFloat(s, 64)
		if e != nil && err == nil {
			err = e
		}
		return v
	}
	r.id = line[0]
	if r.ms, err = strconv.ParseInt(line[1], 10, 64); err != nil {
		return r, err
	}
	r.y = number(line[2])
	r.x = make([]float64, features)
	for i, s := range line[3 : 3+features] {
		r.x[i] = number(s)
	}
	r.segments = same.of(line[3+features:])
	return r, err
}
