package store_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

const (
	eu = "region=eu"
	// odd is a value that senders may write and nobody should obey.
	odd = `plan=<b>a=b/c</b>' OR 1=1 -- "*"`
)

// partScore is a score of a part of the traffic, under the reference that only it has.
func partScore(segment, reference string, end int64) store.ScoreRow {
	r := score("m", "*", end)
	r.Segment, r.Reference = segment, reference
	return r
}

// A query that names no part means all of the traffic, as before there were parts.
func TestScoresOfPartsStandApart(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		early := partScore(eu, "eu1", 3*hourMS)
		early.Provisional = true
		moving := score("m", "*", 2*hourMS)
		moving.Reference, moving.Moving = "trailing", true
		rows := []store.ScoreRow{
			score("m", "*", hourMS), score("m", "*", 2*hourMS), moving, early,
			partScore(eu, "eu0", hourMS), partScore(eu, "eu1", 2*hourMS), partScore(odd, "odd1", 2*hourMS), partScore(odd, "odd0", hourMS),
		}
		if err := s.PutScores(ctx, rows); err != nil {
			t.Fatal(err)
		}
		names := func(rows []store.ScoreRow, err error) string {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			var out []string
			for _, r := range rows {
				if want := map[string]string{"eu0": eu, "eu1": eu, "odd0": odd, "odd1": odd}[r.Reference]; r.Segment != want {
					t.Errorf("score against %s is of %q, want %q", r.Reference, r.Segment, want)
				}
				out = append(out, r.Reference)
			}
			slices.Sort(out)
			return strings.Join(out, " ")
		}
		for _, c := range []struct {
			name string
			q    store.ScoreQuery
			want string
		}{
			{"all of the traffic", store.ScoreQuery{}, "ref1 ref1"},
			{"all of it, whatever reference", store.ScoreQuery{References: store.AllReferences}, "ref1 ref1 trailing"},
			{"moving references", store.ScoreQuery{References: store.MovingReferences}, "trailing"},
			{"one part", store.ScoreQuery{Segment: eu}, "eu0 eu1 eu1"},
			{"final ones of a part", store.ScoreQuery{Segment: eu, FinalOnly: true, NoBody: true}, "eu0 eu1"},
			{"a part with an odd name", store.ScoreQuery{Segment: odd}, "odd0 odd1"},
			{"every part", store.ScoreQuery{Segment: store.AnySegment}, "eu0 eu1 eu1 odd0 odd1"},
			{"a part that is none", store.ScoreQuery{Segment: "region=mars"}, ""},
			{"the reference of a part", store.ScoreQuery{Reference: "eu0"}, "eu0"},
			{"a reference that is another part's", store.ScoreQuery{Reference: "eu0", Segment: odd}, ""},
		} {
			c.q.Model = "m"
			if got := names(s.Scores(ctx, c.q)); got != c.want {
				t.Errorf("%s: %q, want %q", c.name, got, c.want)
			}
		}
		if got := names(s.LatestScores(ctx, "m")); got != "ref1" {
			t.Errorf("newest of all of the traffic: %q", got)
		}
		if got := names(s.LatestMoving(ctx, "m")); got != "trailing" {
			t.Errorf("newest against what moves along: %q", got)
		}
		if got := names(s.LatestSegments(ctx, "m")); got != "eu1 odd1" {
			t.Errorf("newest of each part: %q, want those against the newest reference", got)
		}
		if got := names(s.LatestSegments(ctx, "other")); got != "" {
			t.Errorf("newest of a model without parts: %q", got)
		}
	})
}

// A replay compares parts as it compares all of the traffic, and marks what it adds.
func TestBackfill_WritesPartsBesideAllOfTheTraffic(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		live := partScore(eu, "eu1", hourMS)
		if err := s.PutScores(ctx, []store.ScoreRow{live}); err != nil {
			t.Fatal(err)
		}
		other := live
		other.Body, other.Rows = `{"other":true}`, 7
		found := []store.ScoreRow{live, partScore(eu, "eu1", 2*hourMS), partScore(odd, "odd1", hourMS)}
		want := store.BackfillCounts{Equal: 1, Written: 2}
		if got := backfill(t, s, store.Backfill{Scores: found}); got != want {
			t.Errorf("first: %+v, want %+v", got, want)
		}
		want = store.BackfillCounts{Equal: 3}
		if got := backfill(t, s, store.Backfill{Scores: found}); got != want {
			t.Errorf("again: %+v, want %+v", got, want)
		}
		want = store.BackfillCounts{Restated: 1}
		if got := backfill(t, s, store.Backfill{Scores: []store.ScoreRow{other}, Restate: true}); got != want {
			t.Errorf("repair: %+v, want %+v", got, want)
		}
		rows, err := s.Scores(ctx, store.ScoreQuery{Model: "m", Segment: store.AnySegment})
		if err != nil || len(rows) != 3 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		if whole := scoresOf(t, s); len(whole) != 0 {
			t.Errorf("parts pass for all of the traffic: %+v", whole)
		}
	})
}

func partEvent(id, segment string, ms int64) store.EventRow {
	return store.EventRow{
		ID: id, Type: "dev.driftline.drift.detected.v1", Model: "m", TimeMS: ms, Body: "{}", Episode: "e" + id, Version: "*", Policy: "default",
		Reference: "ref-" + segment, WindowMS: hourMS, Kind: "drift", Segment: segment, Phase: "firing", Level: 1, Share: 0.5, TopJSON: "[]", Features: []string{"age"},
	}
}

func TestAlarmsOfPartsAreListedWithTheOthersAndFoundByTheirs(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		later := partEvent("1", eu, 2*hourMS)
		later.ID, later.Phase = "1b", "resolved"
		if err := s.PutEvents(ctx, []store.EventRow{partEvent("0", "", hourMS), partEvent("1", eu, hourMS), partEvent("2", odd, hourMS), later}); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name    string
			segment string
			want    string
		}{
			{"all alarms", "", "e0 e1 e2"},
			{"of one part", eu, "e1"},
			{"of an odd part", odd, "e2"},
			{"of any part", store.AnySegment, "e1 e2"},
			{"of no part there is", "region=mars", ""},
		} {
			var got []string
			rows, err := s.Alarms(ctx, store.AlarmQuery{Segment: c.segment})
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range rows {
				got = append(got, a.Episode)
			}
			if text := strings.Join(got, " "); text != c.want {
				t.Errorf("%s: %q, want %q", c.name, text, c.want)
			}
		}
		a, err := s.Alarm(ctx, "e1")
		if err != nil || a.Segment != eu || a.Phase != "resolved" || a.Label() != "drift of region=eu" || a.Name() != "drift" {
			t.Errorf("alarm %+v (%s), %v; want the part it is about, by every event", a, a.Label(), err)
		}
		warned := store.EventRow{ID: "w", Type: "dev.driftline.drift.warned.v1", Model: "m", TimeMS: hourMS, Body: "{}"}
		if err := s.PutEvents(ctx, []store.EventRow{warned}); err != nil {
			t.Fatal(err)
		}
		err = s.Read(ctx, func(x *store.Tx) error {
			rows, err := x.AllAlarms(ctx, store.AlarmQuery{Segment: store.AnySegment})
			if len(rows) != 2 {
				t.Errorf("%d alarms of parts, want 2: an early warning is of all of the traffic", len(rows))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestSilencesOfAPartMuteThatPartAlone(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		const now = 1_000_000
		if err := s.PutWatchedModel(ctx, store.WatchedModel{Name: "m", SpecJSON: "{}", State: "watching", Automation: "observe"}); err != nil {
			t.Fatal(err)
		}
		add := func(x store.Silence) (store.Silence, error) {
			x.Model, x.Reason, x.Author, x.UntilMS = "m", "x", "ada", now+hourMS
			return s.AddSilence(ctx, x, now)
		}
		if _, err := add(store.Silence{Segment: "region=mars"}); err != nil {
			t.Errorf("a part of a model without scores of parts: %v, want it taken", err)
		}
		if err := s.PutScores(ctx, []store.ScoreRow{partScore(eu, "eu1", hourMS), partScore(odd, "odd1", hourMS)}); err != nil {
			t.Fatal(err)
		}
		for what, x := range map[string]store.Silence{
			"a text without equals sign": {Segment: "eu"},
			"a part without name":        {Segment: "=eu"},
			"a part without value":       {Segment: "region="},
			"every part at once":         {Segment: store.AnySegment},
			"a part that is not known":   {Segment: "region=mars"},
			"a part, of quality":         {Segment: eu, Kind: "quality"},
			"a part without end of name": {Segment: "a=" + strings.Repeat("x", 20_000)},
		} {
			if _, err := add(x); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s: %v, want ErrInvalid", what, err)
			}
		}
		if _, err := add(store.Silence{Segment: "region=mars"}); err == nil || !strings.Contains(err.Error(), "known are "+odd[:5]) {
			t.Errorf("a part that is not known: %v, want those that are", err)
		}
		ask := store.Silence{Segment: odd, Kind: "drift", Feature: "age"}
		made, err := add(ask)
		if err != nil {
			t.Fatal(err)
		}
		all, err := s.Silences(ctx, store.SilenceQuery{Model: "m", ActiveMS: now})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(made, all[slices.IndexFunc(all, func(x store.Silence) bool { return x.ID == made.ID })]); d != "" || made.Segment != odd {
			t.Errorf("stored silence (-made +read):\n%s", d)
		}
		if err := s.PutEvents(ctx, []store.EventRow{partEvent("0", "", hourMS), partEvent("1", eu, hourMS), partEvent("2", odd, hourMS)}); err != nil {
			t.Fatal(err)
		}
		muted := func(silences []store.Silence) string {
			t.Helper()
			rows, err := s.Alarms(ctx, store.AlarmQuery{})
			if err != nil {
				t.Fatal(err)
			}
			store.Mute(rows, silences, now)
			var out []string
			for _, a := range rows {
				if a.SilencedUntilMS > 0 {
					out = append(out, a.Episode)
				}
			}
			return strings.Join(out, " ")
		}
		of := func(change func(*store.Silence)) []store.Silence {
			x := store.Silence{Model: "m", CreatedMS: now, UntilMS: now + 1}
			change(&x)
			return []store.Silence{x}
		}
		for _, c := range []struct {
			name string
			with []store.Silence
			want string
		}{
			{"one part", of(func(x *store.Silence) { x.Segment = eu }), "e1"},
			{"the whole model", of(func(*store.Silence) {}), "e0 e1 e2"},
			{"drift of a part", of(func(x *store.Silence) { x.Segment, x.Kind = odd, "drift" }), "e2"},
			{"a feature of a part", of(func(x *store.Silence) { x.Segment, x.Feature = eu, "age" }), "e1"},
			{"another feature of a part", of(func(x *store.Silence) { x.Segment, x.Feature = eu, "plan" }), ""},
			{"a feature, wherever", of(func(x *store.Silence) { x.Feature = "age" }), "e0 e1 e2"},
			{"what is stored", all, "e2"},
		} {
			if got := muted(c.with); got != c.want {
				t.Errorf("%s mutes %q, want %q", c.name, got, c.want)
			}
		}
	})
}

// An older program that takes the database over sees what it knows, and nothing of a part
// passes for all of the traffic.
func TestSchema_WithoutPartsForgetsThem(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		restated := partScore(eu, "eu1", hourMS)
		restated.Body = `{"other":true}`
		if err := s.PutScores(ctx, []store.ScoreRow{score("m", "*", hourMS), partScore(eu, "eu1", hourMS)}); err != nil {
			t.Fatal(err)
		}
		backfill(t, s, store.Backfill{Scores: []store.ScoreRow{restated}, Restate: true})
		if err := s.PutEvents(ctx, []store.EventRow{partEvent("0", "", hourMS), partEvent("1", eu, hourMS)}); err != nil {
			t.Fatal(err)
		}
		if err := s.PutWatchedModel(ctx, store.WatchedModel{Name: "m", SpecJSON: "{}", State: "watching", Automation: "observe"}); err != nil {
			t.Fatal(err)
		}
		for _, segment := range []string{"", eu} {
			if _, err := s.AddSilence(ctx, store.Silence{Model: "m", Segment: segment, Reason: "x", Author: "ada", UntilMS: hourMS}, 1); err != nil {
				t.Fatal(err)
			}
		}
		if err := store.RollbackTo(ctx, s, 8); err != nil {
			t.Fatal(err)
		}
		if err := s.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		if rows, err := s.Scores(ctx, store.ScoreQuery{Model: "m", References: store.AllReferences}); err != nil || len(rows) != 1 || rows[0].Reference != "ref1" {
			t.Errorf("scores %+v, %v; want the one of all of the traffic", rows, err)
		}
		if rows, err := s.LatestScores(ctx, "m"); err != nil || len(rows) != 1 {
			t.Errorf("newest scores %+v, %v", rows, err)
		}
		if was, err := s.ScoreRevisions(ctx, restated); err != nil || len(was) != 0 {
			t.Errorf("revisions of the part %+v, %v; want none", was, err)
		}
		if rows, err := s.Alarms(ctx, store.AlarmQuery{}); err != nil || len(rows) != 1 || rows[0].Episode != "e0" {
			t.Errorf("alarms %+v, %v", rows, err)
		}
		if rows, err := s.Silences(ctx, store.SilenceQuery{}); err != nil || len(rows) != 1 {
			t.Errorf("silences %+v, %v", rows, err)
		}
	})
}

// A replay begins with how every alarm stood: those of parts, and those on what a version
// answered. Scores of versions that nothing compared carry none.
func TestAlarmScoresAreThoseThatMayCarryAlarms(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		answers, shown, old := score("m", "3", hourMS), score("m", "4", hourMS), score("m", "3", 2*hourMS)
		shown.Drifted, shown.Judged, shown.Total, shown.MaxPSI, shown.MaxFeature = 0, 0, 0, nil, ""
		early := score("n", "3", hourMS)
		early.Provisional = true
		if err := s.PutScores(ctx, []store.ScoreRow{score("m", "*", hourMS), partScore(eu, "eu0", hourMS), answers, shown, old, early}); err != nil {
			t.Fatal(err)
		}
		rows, err := s.AlarmScores(ctx, map[int64]int64{hourMS: hourMS})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range rows {
			got = append(got, r.Model+" "+r.Version+" "+r.Segment)
		}
		slices.Sort(got)
		if diff := cmp.Diff([]string{"m * ", "m * " + eu, "m 3 "}, got); diff != "" {
			t.Errorf("scores that may carry alarms (-want +got):\n%s", diff)
		}
	})
}
