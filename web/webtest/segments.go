package webtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/wire"
)

// Parts of Bike's traffic.
const (
	// Quiet is judged and does not drift.
	Quiet = "station=north"
	// Drifting is in alarm.
	Drifting = "station=harbour"
	// Learning has too little to be judged by.
	Learning = "station=new"
)

// Odd is a part that a sender could have named: markup, equals signs, slashes, and more than
// a line holds.
var Odd = `note=<b>a=b/c?d&e#f</b>"'` + strings.Repeat("x", 300)

// Segments adds parts of Bike's traffic to the world and returns the open alarm of Drifting.
func (w *World) Segments(t testing.TB) string {
	t.Helper()
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(13, 17))
	var rows []store.ScoreRow
	var fired wire.Score
	for k := range 60 {
		for _, name := range []string{Quiet, Drifting, Learning, Odd} {
			s := SegmentScore(name, k, FirstEnd+int64(k)*weekMS, rng)
			rows = append(rows, ScoreRow(s))
			if name == Drifting && fired.Model == "" && k > 30 && s.Share() >= 0.3 {
				fired = s
			}
		}
	}
	w.must(t, "parts of the traffic", w.store.PutScores(ctx, rows))
	return w.putAlarm(ctx, t, fired)
}

// SegmentScore is week k of a part of Bike's traffic.
func SegmentScore(name string, k int, endMS int64, rng *rand.Rand) wire.Score {
	if name != Drifting {
		k = 10 // of the quiet weeks
	}
	s := BikeScore(k, endMS, rng)
	s.Segment, s.Reference, s.ReferenceKind, s.Rows, s.ReferenceRows = name, wire.EventID(name, "part", 0), "training", 42, 546
	if name == Learning {
		s.State, s.Reason, s.Features, s.Drifted, s.Judged, s.Rows = wire.StateLearning, "this part of the reference holds 12 rows, at least 100 are needed", nil, 0, 0, 3
	}
	return s
}

// ManyAlarms adds alarms of parts of Bike's traffic that began after all others: open ones,
// or ended ones.
func (w *World) ManyAlarms(t testing.TB, n int, phase string) {
	t.Helper()
	rows := make([]store.EventRow, n)
	for i := range rows {
		id := fmt.Sprintf("many-%s-%06d", phase, i)
		rows[i] = store.EventRow{
			ID: id, Type: "dev.driftline.drift.detected.v1", Model: Bike, TimeMS: FirstEnd + 80*weekMS + int64(i), Body: "{}", Episode: id, Version: "*", Policy: "default",
			Reference: "part", WindowMS: weekMS, Kind: "drift", Segment: Quiet, Phase: phase, TopJSON: "[]",
		}
	}
	w.must(t, "alarms of parts", w.store.PutEvents(context.Background(), rows))
}
