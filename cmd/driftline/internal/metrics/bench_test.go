package metrics

import (
	"fmt"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

// BenchmarkScrape reads a fleet of 200 models with two windows of 50 features.
func BenchmarkScrape(b *testing.B) {
	s := storetest.Open(b)
	var rows []store.ScoreRow
	for i := range 200 {
		name := fmt.Sprintf("m%03d", i)
		if err := s.PutWatchedModel(b.Context(), store.WatchedModel{Name: name, SpecJSON: "{}", State: "watching", Automation: "observe"}); err != nil {
			b.Fatal(err)
		}
		for _, w := range []int64{hourMS, dayMS} {
			rows = append(rows, score(name, w, startMS-60_000, 50))
		}
	}
	if err := s.PutScores(b.Context(), rows); err != nil {
		b.Fatal(err)
	}
	c := newClock()
	reg := newRegistryOf(b, Config{Store: s, Layout: layout(), NowMS: c.now})
	b.ReportAllocs()
	for b.Loop() {
		c.pass()
		if _, err := reg.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}
