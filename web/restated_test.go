package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/store"
)

// Restated windows are marked with a word on the model's page and in the API, and an
// alarm is explained by what it fired on.
func TestRestatedScoresAreMarked(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	before := get(t, f.handler, "/alarms/"+f.alarm).Body.String()
	if page := get(t, f.handler, "/models/bike%20demand").Body.String(); strings.Contains(page, "restated") {
		t.Fatal("the page says restated before anything is")
	}
	rows, err := f.store.Scores(t.Context(), store.ScoreQuery{Model: bike, Version: anyVersion, WindowMS: weekMS})
	if err != nil {
		t.Fatal(err)
	}
	half := rows[len(rows)/2:]
	for i := range half {
		half[i].Rows += 1000
		half[i].Body = strings.Replace(half[i].Body, `"rows":`, `"rows":1`, 1)
	}
	err = f.store.Tx(t.Context(), func(tx *store.Tx) error {
		c, err := tx.Backfill(t.Context(), store.Backfill{Scores: half, Restate: true, Compare: func(store.ScoreRow, *store.ScoreRow) (store.Likeness, error) { return store.Different, nil }})
		if err == nil && c.Restated != int64(len(half)) {
			err = fmt.Errorf("%+v", c)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	page := get(t, f.handler, "/models/bike%20demand").Body.String()
	for _, want := range []string{
		fmt.Sprintf("%d of these windows, between %s and", len(half), momentText(half[0].EndMS)), "events that came late were counted afterwards",
		`<g class="mark restated">`, "restated from here on", `restated</span></dd>`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the model's page lacks %q", want)
		}
	}
	if strings.Contains(page, "written by a replay") {
		t.Error("restated windows are called backfilled, too")
	}
	if after := get(t, f.handler, "/alarms/"+f.alarm).Body.String(); after != before {
		t.Error("the alarm's page changed, though what it fired on did not")
	}
	w := get(t, f.handler, "/api/v1/models/bike%20demand/scores?window=7d&version=*&limit=1")
	var list List[Score]
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || w.Code != http.StatusOK || len(list.Items) != 1 {
		t.Fatalf("%d %v %s", w.Code, err, w.Body)
	}
	if s := list.Items[0]; !s.Restated || s.Revision != 1 || !s.Replayed {
		t.Errorf("API: %+v; want revision 1, restated, replayed", s)
	}
}

// Windows and events that a replay wrote say so.
func TestReplayedRowsAreMarked(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	rows, err := f.store.Scores(t.Context(), store.ScoreQuery{Model: bike, Version: anyVersion, WindowMS: weekMS, Newest: true, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	next := rows[0]
	next.EndMS -= weekMS * 200
	events, err := f.store.Events(t.Context(), store.EventQuery{Episode: f.alarm, Limit: 1})
	if err != nil || len(events) != 1 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	told := events[0]
	told.ID, told.TimeMS = "replayed", told.TimeMS+1
	err = f.store.Tx(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Backfill(t.Context(), store.Backfill{Scores: []store.ScoreRow{next}, Events: []store.EventRow{told}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if page := get(t, f.handler, "/models/bike%20demand").Body.String(); !strings.Contains(page, "1 of these windows, between") || !strings.Contains(page, "written by a replay") {
		t.Error("the model's page does not say that a window was written by a replay")
	}
	if page := get(t, f.handler, "/alarms/"+f.alarm).Body.String(); strings.Count(page, "from a replay") != 1 {
		t.Error("the alarm's page does not mark the event of a replay")
	}
	if body := get(t, f.handler, "/api/v1/alarms/"+f.alarm).Body.String(); strings.Count(body, `"replayed":true`) != 1 {
		t.Errorf("API: %s", body)
	}
}
