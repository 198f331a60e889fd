package trainer

import (
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
	"github.com/driftline/driftline/trainer/judge"
)

var bikeFeatures = []string{"season", "mnth", "hr", "holiday", "weekday", "workingday", "weathersit", "temp", "atemp", "hum", "windspeed"}

// bikeDays reads the bike-sharing table as examples, by day.
func bikeDays(t *testing.T, path string) [][]store.ExampleRow {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(zip).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := func(name string) int { return slices.Index(lines[0], name) }
	var days [][]store.ExampleRow
	for i, l := range lines[1:] {
		at, err := time.Parse("2006-01-02T15:04:05", l[column("ts")])
		if err != nil {
			t.Fatal(err)
		}
		features := map[string]float64{}
		for _, name := range bikeFeatures {
			if features[name], err = strconv.ParseFloat(l[column(name)], 64); err != nil {
				t.Fatal(err)
			}
		}
		body, err := json.Marshal(features)
		if err != nil {
			t.Fatal(err)
		}
		o := store.Order{MS: at.UnixMilli(), Topic: "in", Offset: int64(i)}
		e := store.ExampleRow{
			Model: testModel, ID: strconv.Itoa(i), EventMS: o.MS, Features: &store.Features{Order: o, JSON: string(body)}, Label: &store.Label{Order: o, Value: l[column("high_demand")]},
		}
		if n := len(days); n == 0 || floorDay(days[n-1][0].EventMS) != floorDay(o.MS) {
			days = append(days, nil)
		}
		days[len(days)-1] = append(days[len(days)-1], e)
	}
	return days
}

// Two years of real data through the whole trainer: a first version on a quarter, a
// drift event every week, a decision at most every four, probation after each.
func TestBikeshare_TheTrainerPaysForItself(t *testing.T) {
	path := os.Getenv("DRIFTLINE_BIKESHARE")
	if path == "" {
		t.Skip("DRIFTLINE_BIKESHARE is not set: name bikeshare-hourly.csv.gz to run two years through the trainer")
	}
	w := newWorld(t, storetest.Open(t))
	w.spec.Features = bikeFeatures
	w.spec.Params.NumRounds, w.spec.Params.MaxDepth, w.spec.Params.NumJobs = 80, 6, 0
	w.spec.WindowMS, w.spec.BootstrapAfterMS = 26*7*dayMS, 13*7*dayMS
	w.spec.CoolDownMS, w.spec.MinFreshMS = 28*dayMS, 14*dayMS
	w.spec.MinRows, w.spec.Gate = 1000, judge.Relative()
	tr := w.trainer("one")
	static, right, rightStatic, rows := "1", 0, 0, 0
	for d, examples := range bikeDays(t, path) {
		if w.champion() != "" {
			for k, v := range []string{w.champion(), static} {
				c, err := tr.models.Version(w.ctx, testModel, v)
				w.check(err)
				hit := 0
				for _, e := range examples {
					var f map[string]float64
					w.check(json.Unmarshal([]byte(e.Features.JSON), &f))
					x := make([]float32, len(c.Features))
					for i, name := range c.Features {
						x[i] = float32(f[name])
					}
					var out [1]float64
					w.check(c.Model.Predict(x, out[:]))
					if (out[0] >= c.Threshold) == (e.Label.Value == "1") {
						hit++
					}
				}
				if k == 0 {
					right += hit
				} else {
					rightStatic += hit
				}
			}
			rows += len(examples)
		}
		w.check(w.store.UpsertExamples(w.ctx, examples))
		end := floorDay(examples[0].EventMS) + dayMS
		w.clock = end
		if w.champion() != "" && (d+1)%7 == 0 {
			w.alarmAt("drift", "ongoing", end)
		}
		w.settle(tr)
	}
	states := map[string]int{}
	for _, r := range w.rows() {
		full, err := w.store.Retrain(w.ctx, r.ID)
		w.check(err)
		for _, s := range full.Steps {
			states[s.State]++
		}
		if slices.Contains([]string{store.RetrainRejected, store.RetrainRolledBack, store.RetrainFailed, store.RetrainBlocked}, r.State) {
			t.Logf("%s %s: %.300s", date(r.ClockMS), r.State, r.Reason)
		}
	}
	accuracy, fixed := float64(right)/float64(rows), float64(rightStatic)/float64(rows)
	text := ""
	for _, s := range slices.Sorted(maps.Keys(states)) {
		text += fmt.Sprintf(" %s %d", s, states[s])
	}
	t.Logf("%d rows scored: accuracy %.4f, version 1 alone %.4f; rows that reached:%s", rows, accuracy, fixed, text)
	if accuracy < 0.89 || fixed > 0.72 {
		t.Errorf("accuracy %.4f and static %.4f, want at least 0.89 and about 0.69", accuracy, fixed)
	}
	if states[store.RetrainTrained] > 26 || states[store.RetrainPromoted] < 5 || states[store.RetrainFailed] > 0 {
		t.Errorf("reached:%s", text)
	}
}
