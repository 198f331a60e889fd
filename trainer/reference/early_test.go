package reference_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/driftline/driftline/drift/sequential"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/trainer/reference"
)

// dense makes rows of n features, so many an hour.
func dense(hours, perHour, features int) []reference.Row {
	r := rand.New(rand.NewPCG(8, 9))
	rows := make([]reference.Row, hours*perHour)
	cells := make([]sketches.Value, len(rows)*features)
	for i := range rows {
		rows[i] = reference.Row{TimeMS: int64(i) * hourMS / int64(perHour), Values: cells[i*features : (i+1)*features]}
		for f := range features {
			rows[i].Values[f] = sketches.Number(r.NormFloat64())
		}
	}
	return rows
}

func earlySpec(features int) reference.Spec {
	s := spec()
	s.Names = nil
	for f := range features {
		s.Names = append(s.Names, fmt.Sprint("f", f))
	}
	s.Early = reference.Early{StepMS: hourMS, Alarms: 0.5}
	return s
}

func TestBuild_CalibratesTheEarlyWarning(t *testing.T) {
	t.Parallel()
	rows := dense(10*7*24, 20, 2) // whether the last hour is whole is not known
	res := build(t, earlySpec(2), rows)
	p := res.Reference.Early
	if p == nil {
		t.Fatalf("no plan: %s", res.WhyEarly)
	}
	report := p.Plan.Report
	if report.Basis != sequential.Resampled || report.TargetPanes != 1440 || report.HistoryPanes != 1679 || p.Rows != 20 || p.Plan.Cooldown != 24 {
		t.Errorf("%+v, %d rows a step at most, cooldown %d", report, p.Rows, p.Plan.Cooldown)
	}
	// Rounds of a calibration differ by tens of percent, since a few resampled references give
	// most of the alarms; the report says what was achieved.
	if found, _, _ := report.Achieved(); found < 1440/2.5 || found > 1440*2.5 {
		t.Errorf("a false alarm in %v hours, target 1440", found)
	}
	raw := res.Reference.Encode()
	again, err := wire.DecodeReference(raw, func(string, sketches.ID) (*sketches.Grid, bool) { return res.Grid, true })
	if err != nil || !bytes.Equal(again.Encode(), raw) {
		t.Errorf("reference with a plan does not read back: %v", err)
	}
	if other := build(t, earlySpec(2), rows); other.Reference.ID() != res.Reference.ID() {
		t.Error("the same rows give another plan")
	}
}

func TestBuild_SaysWhyThereIsNoEarlyWarning(t *testing.T) {
	t.Parallel()
	unordered, none, often := earlySpec(2), earlySpec(2), earlySpec(2)
	unordered.Ordered = false
	none.Early = reference.Early{}
	often.Early.Alarms = 500
	for _, c := range []struct {
		name string
		spec reference.Spec
		rows []reference.Row
		want string
	}{
		{"nobody asks", none, dense(240, 2, 2), "not asked for"},
		{"no order", unordered, dense(240, 2, 2), "no order in time"},
		{"too short", earlySpec(2), dense(100, 4, 2), "99 whole steps of 1 h, needed at least 100"},
		{"too many alarms", often, dense(240, 2, 2), "more than steps of 1 h allow"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			res := build(t, c.spec, c.rows)
			if res.Reference.Early != nil || !strings.Contains(res.WhyEarly, c.want) {
				t.Errorf("plan %v, why %q; want none and %q", res.Reference.Early != nil, res.WhyEarly, c.want)
			}
		})
	}
}

// What the calibration costs, beside a build without.
func BenchmarkBuild_EarlyWarningOf200Features(b *testing.B) {
	rows := dense(90*24, 60, 200)
	for b.Loop() {
		if _, err := reference.Build(earlySpec(200), rows); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBuild_200FeaturesWithoutEarlyWarning(b *testing.B) {
	rows := dense(90*24, 60, 200)
	s := earlySpec(200)
	s.Early = reference.Early{}
	for b.Loop() {
		if _, err := reference.Build(s, rows); err != nil {
			b.Fatal(err)
		}
	}
}
