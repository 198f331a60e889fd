package web

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/store"
)

func TestAPI_ExclusionsAreAddedListedAndEnded(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) { c.Actor = func(*http.Request) string { return "ann" } })
	const path = "/api/v1/exclusions"
	made := decode[Exclusion](t, send(t, f.handler, "POST", path, `{"model":"bike demand","from_ms":1000,"to_ms":5000,"reason":"sensor was off"}`, nil), 200)
	if made.ID == "" || made.Author != "ann" || made.FromMS != 1000 || made.ToMS != 5000 || !made.InForce || made.Reason != "sensor was off" {
		t.Errorf("made %+v", made)
	}
	for query, want := range map[string]int{"": 1, "?model=bike%20demand": 1, "?model=churn": 0} {
		if got := decode[List[Exclusion]](t, get(t, f.handler, path+query), 200); len(got.Items) != want {
			t.Errorf("%q lists %d, want %d", query, len(got.Items), want)
		}
	}
	ended := decode[Exclusion](t, send(t, f.handler, "POST", path+"/"+made.ID+"/expire", `{"reason":"it was on"}`, nil), 200)
	if ended.InForce || ended.EndedBy != "ann" || ended.EndedReason != "it was on" || ended.EndedMS != fixtureNow {
		t.Errorf("ended %+v", ended)
	}
	for query, want := range map[string]int{"": 0, "?all=true": 1} {
		if got := decode[List[Exclusion]](t, get(t, f.handler, path+query), 200); len(got.Items) != want {
			t.Errorf("%q lists %d, want %d", query, len(got.Items), want)
		}
	}
	for body, want := range map[string]string{
		`{"model":"nobody","from_ms":1,"to_ms":2,"reason":"x"}`:      "nobody",
		`{"model":"bike demand","from_ms":2,"to_ms":2,"reason":"x"}`: "must end after it begins",
	} {
		if p := send(t, f.handler, "POST", path, body, nil).Body.String(); !strings.Contains(p, want) {
			t.Errorf("%s: %s, want %q", body, p, want)
		}
	}
	audit, err := f.store.AuditRows(t.Context(), store.AuditQuery{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	var did []string
	for _, a := range audit {
		if strings.HasPrefix(a.Action, "exclusion.") {
			did = append(did, a.Action+" "+a.Actor)
		}
	}
	if got := strings.Join(did, ", "); got != "exclusion.expire ann, exclusion.add ann" {
		t.Errorf("audit: %s", got)
	}
}

// A reference that moves along is listed as of the newest window, and its scores are found
// where they are asked for.
func TestAPI_ReferencesThatMoveAreListed(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	body := `{"model":"bike demand","version":"*","reference":"aa","window_ms":604800000,"end_ms":%END%,"state":"learning","rows":5,"reference_kind":"trailing",` +
		`"reference_digest":"dd","reference_from_ms":10,"reference_to_ms":20,"reference_rows":77,"reason":"5 rows"}`
	var rows []store.ScoreRow
	for _, end := range []int64{weekMS, 2 * weekMS} {
		rows = append(rows, store.ScoreRow{
			Model: bike, Version: "*", Reference: "aa", WindowMS: weekMS, EndMS: end, Moving: true,
			Body: strings.Replace(body, "%END%", strconv.FormatInt(end, 10), 1),
		})
	}
	if err := f.store.PutScores(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	list := decode[List[Reference]](t, get(t, f.handler, "/api/v1/references?model=bike%20demand"), 200)
	found := 0
	for _, r := range list.Items {
		if !r.Moving {
			continue
		}
		found++
		if r.ID != "aa" || r.Kind != "trailing" || r.Rows != 77 || r.FromMS != 10 || r.ToMS != 20 || r.CreatedMS != 2*weekMS || r.Digest != "dd" || r.Reason != "5 rows" {
			t.Errorf("listed %+v", r)
		}
	}
	if found != 1 {
		t.Errorf("%d references that move, want 1", found)
	}
	for query, want := range map[string]bool{"": false, "&references=moving": true, "&references=all": true, "&reference=aa": true} {
		got := decode[List[Score]](t, get(t, f.handler, bikePath+"/scores?features=true&limit=20000"+query), 200)
		has := false
		for _, s := range got.Items {
			has = has || s.Moving && s.ReferenceKind == "trailing" && s.ReferenceRows == 77
		}
		if has != want {
			t.Errorf("scores%s: of a reference that moves %v, want %v", query, has, want)
		}
	}
}
