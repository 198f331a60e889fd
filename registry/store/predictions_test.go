package store_test

import (
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

// Alarms on what a version answers are kept as the others are, with silences of their kind;
// an older program that takes the database over sees the others, whole.
func TestPredictions_AlarmsAndSilencesAreKept(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		answers := event("p", "detected", 300, "firing", 0)
		answers.Kind, answers.Version, answers.Type, answers.Features = "prediction", "3", "dev.driftline.prediction.detected.v1", []string{"score"}
		if err := s.PutEvents(ctx, []store.EventRow{event("a", "detected", 100, "firing", 0), answers}); err != nil {
			t.Fatal(err)
		}
		for id, text := range map[string]string{"a": "input", "p": "answers"} {
			if err := s.NoteAlarm(ctx, id, "ada", text, 400); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.PutWatchedModel(ctx, store.WatchedModel{Name: "m", SpecJSON: "{}", State: "watching", Automation: "observe"}); err != nil {
			t.Fatal(err)
		}
		for _, x := range []struct{ kind, feature string }{{"prediction", "score"}, {"drift", "plan"}} {
			if _, err := s.AddSilence(ctx, store.Silence{Model: "m", Kind: x.kind, Feature: x.feature, Reason: "x", Author: "ada", UntilMS: hourMS}, 1000); err != nil {
				t.Fatal(err)
			}
		}
		rows, err := s.Alarms(ctx, store.AlarmQuery{Kind: "prediction"})
		if err != nil || len(rows) != 1 || rows[0].Version != "3" || rows[0].Label() != "prediction" {
			t.Fatalf("alarms of predictions %+v, %v", rows, err)
		}
		silences, err := s.Silences(ctx, store.SilenceQuery{})
		if err != nil {
			t.Fatal(err)
		}
		if store.Mute(rows, silences, 2000); rows[0].SilencedUntilMS != hourMS {
			t.Errorf("a silence of the score does not mute the alarm on it: %+v", rows[0])
		}
		if err := store.RollbackTo(ctx, s, 10); err != nil {
			t.Fatal(err)
		}
		if err := s.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		if rows, err := s.Alarms(ctx, store.AlarmQuery{}); err != nil || len(rows) != 1 || rows[0].Episode != "a" {
			t.Errorf("alarms after a way back %+v, %v", rows, err)
		}
		if rows, err := s.Silences(ctx, store.SilenceQuery{}); err != nil || len(rows) != 1 || rows[0].Feature != "plan" || rows[0].UntilMS != hourMS {
			t.Errorf("silences after a way back %+v, %v", rows, err)
		}
		if a, err := s.Alarm(ctx, "a"); err != nil || len(a.Notes) != 1 {
			t.Errorf("notes of another alarm after a way back: %+v, %v", a.Notes, err)
		}
	})
}
