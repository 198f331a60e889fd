package trainer

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/trainer/reference"
)

// segmentNames are the names of the segments, in order.
func segmentNames(s wire.Segments) (names []string) {
	for _, d := range s {
		names = append(names, d.Name)
	}
	return names
}

// sharedTexts keeps one copy of the segments that rows have in common.
type sharedTexts map[string][]string

// of returns a row's values, nil where all are "".
func (t sharedTexts) of(values []string) []string {
	if !slices.ContainsFunc(values, func(v string) bool { return v != "" }) {
		return nil
	}
	var key []byte
	for _, v := range values {
		key = append(strconv.AppendInt(key, int64(len(v)), 10), ':')
		key = append(key, v...)
	}
	had, ok := t[string(key)]
	if !ok {
		for _, v := range values { // they may be parts of a line that is used again
			had = append(had, strings.Clone(v))
		}
		t[string(key)] = had
	}
	return had
}

// segmentTexts reads the segments that the history keeps of examples.
type segmentTexts struct {
	names []string
	read  map[string][]string // by the stored text
	same  sharedTexts
}

func newSegmentTexts(s wire.Segments) *segmentTexts {
	return &segmentTexts{names: segmentNames(s), read: map[string][]string{}, same: sharedTexts{}}
}

// of returns the values of the declared segments, nil where there are none. What cannot
// be read is none: it was never written so.
func (t *segmentTexts) of(text string) []string {
	if text == "" || len(t.names) == 0 {
		return nil
	}
	if had, ok := t.read[text]; ok {
		return had
	}
	var members map[string]string
	values := make([]string, len(t.names))
	if json.Unmarshal([]byte(text), &members) == nil {
		for k, name := range t.names {
			values[k] = members[name]
		}
	}
	shared := t.same.of(values)
	t.read[text] = shared
	return shared
}

// referenceRows are rows of the data set as those of a reference: with the features that
// its model takes, and in the segments that both it and the reference know.
func (d *dataset) referenceRows(rows []row, s wire.Segments) []reference.Row {
	m := reference.NewMembers(s)
	place := make([]int, len(d.Segments))
	for k, name := range d.Segments {
		place[k] = m.Dimension(name)
	}
	out := make([]reference.Row, len(rows))
	for i, r := range rows {
		values := make([]sketches.Value, d.Trained)
		for k := range values {
			if v := r.x[k]; !math.IsNaN(v) {
				values[k] = sketches.Number(v)
			}
		}
		out[i] = reference.Row{TimeMS: r.ms, Values: values}
		for k, v := range r.segments {
			out[i].In = m.With(out[i].In, place[k], v)
		}
	}
	return out
}
