package judge_test

import (
	"compress/gzip"
	"context"
	"encoding/csv"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/driftline/driftline/trainer/gbdt"
	"github.com/driftline/driftline/trainer/judge"
)

var bikeFeatures = []string{"season", "mnth", "hr", "holiday", "weekday", "workingday", "weathersit", "temp", "atemp", "hum", "windspeed"}

// bikes is the bike-sharing table in order of time; day counts from the first.
type bikes struct {
	x      []float32
	day    []int
	label  []int
	scores map[*gbdt.Model][]float64
}

func loadBikes(t *testing.T) *bikes {
	path := os.Getenv("DRIFTLINE_BIKESHARE")
	if path == "" {
		t.Skip("DRIFTLINE_BIKESHARE is not set: name bikeshare-hourly.csv.gz to try the whole retraining policy")
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(zip).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	b := &bikes{scores: map[*gbdt.Model][]float64{}}
	first := time.Date(2011, 1, 1, 0, 0, 0, 0, time.UTC)
	column := func(name string) int { return slices.Index(rows[0], name) }
	for _, r := range rows[1:] {
		at, err := time.Parse("2006-01-02T15:04:05", r[column("ts")])
		if err != nil {
			t.Fatal(err)
		}
		b.day = append(b.day, int(at.Sub(first).Hours()/24))
		for _, name := range bikeFeatures {
			v, err := strconv.ParseFloat(r[column(name)], 32)
			if err != nil {
				t.Fatal(err)
			}
			b.x = append(b.x, float32(v))
		}
		y, err := strconv.Atoi(r[column("high_demand")])
		if err != nil {
			t.Fatal(err)
		}
		b.label = append(b.label, y)
	}
	if len(b.day) != 17379 {
		t.Fatalf("%d rows, the table has 17379", len(b.day))
	}
	return b
}

// rows returns the range of rows of days from … to−1.
func (b *bikes) rows(from, to int) (lo, hi int) {
	lo, _ = slices.BinarySearch(b.day, from)
	hi, _ = slices.BinarySearch(b.day, to)
	return lo, hi
}

func (b *bikes) matrix(lo, hi int) gbdt.Matrix {
	n := len(bikeFeatures)
	return gbdt.Matrix{Rows: hi - lo, Names: bikeFeatures, X: b.x[lo*n : hi*n]}
}

func (b *bikes) train(t *testing.T, from, to int, p gbdt.Params) *gbdt.Model {
	lo, hi := b.rows(from, to)
	y := make([]float32, 0, hi-lo)
	for _, v := range b.label[lo:hi] {
		y = append(y, float32(v))
	}
	m, err := gbdt.Train(context.Background(), b.matrix(lo, hi), y, nil, p, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (b *bikes) score(t *testing.T, m *gbdt.Model, lo, hi int) []float64 {
	if b.scores[m] == nil {
		all, err := m.PredictMatrix(b.matrix(0, len(b.day)))
		if err != nil {
			t.Fatal(err)
		}
		b.scores[m] = all
	}
	return b.scores[m][lo:hi]
}

// drifted: PSI above 0.2 on at least 0.3 of the features, ten quantile bins of the
// reference days, ½ added to each count.
func (b *bikes) drifted(refFrom, refTo, from, to int) bool {
	n := len(bikeFeatures)
	over := 0
	for f := range n {
		column := func(from, to int) (out []float64) {
			lo, hi := b.rows(from, to)
			for i := lo; i < hi; i++ {
				out = append(out, float64(b.x[i*n+f]))
			}
			slices.Sort(out)
			return out
		}
		ref, cur := column(refFrom, refTo), column(from, to)
		var edges []float64
		for q := 1; q < 10; q++ {
			if e := ref[len(ref)*q/10]; len(edges) == 0 || e > edges[len(edges)-1] {
				edges = append(edges, e)
			}
		}
		share := func(v []float64) []float64 {
			p := slices.Repeat([]float64{0.5}, len(edges)+1)
			for _, x := range v {
				i, exact := slices.BinarySearch(edges, x)
				if exact {
					i++
				}
				p[i]++
			}
			for i := range p {
				p[i] /= float64(len(v)) + 0.5*float64(len(p))
			}
			return p
		}
		p, q := share(ref), share(cur)
		var psi float64
		for i := range p {
			psi += (q[i] - p[i]) * math.Log(q[i]/p[i])
		}
		if psi > 0.2 {
			over++
		}
	}
	return float64(over) >= 0.3*float64(n)
}

type policyResult struct {
	decisions, promoted, refused int
	accuracy, static             float64
	refusals                     map[string]int
	quickest                     time.Duration
}

const (
	week      = 7
	quarter   = 13 * week
	trailing  = 26 * week
	holdout   = 14
	coolDown  = 4 * week
	firstDay  = 14975 // 2011-01-01 in days since 1970
	totalDays = 731
)

// decide trains a challenger on what came before the newest holdout days and judges
// it. champion is nil for the first version.
func (b *bikes) decide(t *testing.T, champion *gbdt.Model, from, now, championTo, lastDecision int, p gbdt.Params, cfg judge.GateConfig) judge.Decision {
	challenger := b.train(t, from, now-holdout, p)
	lo, hi := b.rows(now-holdout, now)
	trainLo, trainHi := b.rows(from, now-holdout)
	in := judge.Input{First: champion == nil}
	for _, y := range b.label[trainLo:trainHi] {
		in.BaseRate += float64(y) / float64(trainHi-trainLo)
	}
	in.Used = []judge.Used{{What: "the challenger's training rows", Through: int32(firstDay + now - holdout - 1)}}
	if champion != nil {
		in.Used = append(in.Used, judge.Used{What: "the champion's training rows", Through: int32(firstDay + championTo - 1)},
			judge.Used{What: "the last decision's rows", Through: int32(firstDay + lastDecision - 1)})
	}
	s := b.score(t, challenger, lo, hi)
	for i := lo; i < hi; i++ {
		row := judge.Scored{Day: int32(firstDay + b.day[i]), Label: b.label[i], Challenger: s[i-lo]}
		if champion != nil {
			row.Champion = b.score(t, champion, i, i+1)[0]
		}
		in.Rows = append(in.Rows, row)
	}
	d, err := judge.Decide(cfg, in)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// run replays the whole policy; the first version is trained on warmUp days.
func (b *bikes) run(t *testing.T, warmUp int, p gbdt.Params, cfg judge.GateConfig) policyResult {
	first := b.decide(t, nil, 0, warmUp, 0, 0, p, cfg)
	if !first.Promote || !first.First {
		t.Fatalf("version 1 is not promoted: %s", failed(first))
	}
	started := time.Now()
	champion := b.train(t, 0, warmUp, p) // the refit, with the rounds fixed
	out := policyResult{refusals: map[string]int{}, quickest: time.Since(started)}
	version1 := champion
	refFrom, refTo, lastDecision := 0, warmUp, warmUp
	right, rightStatic, rows := 0, 0, 0
	for now := warmUp; now < totalDays; now += week {
		lo, hi := b.rows(now, now+week)
		for i := lo; i < hi; i++ {
			rows++
			if (b.score(t, champion, i, i+1)[0] >= cfg.Threshold) == (b.label[i] == 1) {
				right++
			}
			if (b.score(t, version1, i, i+1)[0] >= cfg.Threshold) == (b.label[i] == 1) {
				rightStatic++
			}
		}
		end := now + week
		if end > totalDays || end-lastDecision < coolDown || !b.drifted(refFrom, refTo, now, end) {
			continue
		}
		from := max(0, end-trailing)
		d := b.decide(t, champion, from, end, refTo, lastDecision, p, cfg)
		out.decisions++
		lastDecision = end
		if d.Promote {
			out.promoted++
			champion = b.train(t, from, end, p)
			refFrom, refTo = from, end
		} else {
			out.refused++
			for _, c := range d.Checks {
				if c.Outcome == judge.Fail || c.Outcome == judge.Undecided {
					out.refusals[c.Name+" "+string(c.Outcome)]++
				}
			}
		}
	}
	out.accuracy, out.static = float64(right)/float64(rows), float64(rightStatic)/float64(rows)
	return out
}

func failed(d judge.Decision) (out string) {
	for _, c := range d.Checks {
		if c.Outcome != judge.Pass {
			out += c.Name + " " + string(c.Outcome) + " " + c.Reason + "; "
		}
	}
	return out
}

// demoParams are what the demo trains with: Default with 80 rounds.
func demoParams() gbdt.Params {
	p := gbdt.Default()
	p.NumRounds = 80
	return p
}

// The whole policy on real data: first version on a quarter, a look every week, a
// decision at most every four, judged on the newest fourteen days, refit on half a year.
func TestPolicyOnBikesharePaysForItself(t *testing.T) {
	b := loadBikes(t)
	for _, firstTo := range []int{quarter, quarter + 3} { // another weekday of the check
		r := b.run(t, firstTo, demoParams(), judge.Relative())
		t.Logf("first version on %d days: accuracy %.4f, static %.4f, %d decisions, %d promoted, %d refused (%v), one fit %v",
			firstTo, r.accuracy, r.static, r.decisions, r.promoted, r.refused, r.refusals, r.quickest)
		if r.accuracy < 0.895 || r.static < 0.67 || r.static > 0.71 {
			t.Errorf("accuracy %.4f and static %.4f, want at least 0.895 and about 0.69", r.accuracy, r.static)
		}
		if r.decisions > 24 || r.refused < 1 || r.promoted < 1 {
			t.Errorf("%d decisions, %d promoted, %d refused", r.decisions, r.promoted, r.refused)
		}
		clear(b.scores)
	}
}

// Retrains forced into the odd weeks at the end of both years come at most eight days
// after a decision: fourteen fresh days do not exist, and that is undecided.
func TestForcedRetrainsBeforeTheHolidaysAreNotPromoted(t *testing.T) {
	b := loadBikes(t)
	for _, forced := range []int{351, 715} { // 2011-12-18 and 2012-12-16
		last := quarter + (forced-quarter)/coolDown*coolDown
		champion := b.train(t, max(0, last-trailing), last, demoParams())
		d := b.decide(t, champion, forced-trailing, forced, last, last, demoParams(), judge.Relative())
		fresh := d.Checks[slices.IndexFunc(d.Checks, func(c judge.Check) bool { return c.Name == "holdout_fresh" })]
		if d.Promote || fresh.Outcome != judge.Undecided {
			t.Errorf("day %d, last decision on %d: promote %v, fresh %s %q", forced, last, d.Promote, fresh.Outcome, fresh.Reason)
		}
		clear(b.scores)
	}
}
