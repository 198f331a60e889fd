package historian

import (
	"testing"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/log"
)

// Of an event's segments those that its model declares are stored, beside its features.
func TestConverter_KeepsDeclaredSegments(t *testing.T) {
	t.Parallel()
	declared := map[string][]string{"region": {"eu", "us"}, "plan": {"a"}}
	reader := event.NewDecoder(event.Limits{})
	for _, c := range []struct {
		name, segments string
		declares       func(string) map[string][]string
		want           string
	}{
		{"declared ones, in order of name", `{"region":"eu","plan":7,"customer":"secret"}`, func(string) map[string][]string { return declared }, `{"plan":"7","region":"eu"}`},
		{"a value that is not declared", `{"region":"moon"}`, func(string) map[string][]string { return declared }, `{"region":"moon"}`},
		{"others alone", `{"customer":"secret"}`, func(string) map[string][]string { return declared }, ""},
		{"a model that declares none", `{"region":"eu"}`, func(string) map[string][]string { return nil }, ""},
		{"nobody says", `{"region":"eu"}`, nil, ""},
		{"an event without", `{}`, func(string) map[string][]string { return declared }, ""},
	} {
		conv := converter{topics: Topics{Inputs: []string{"in"}}, keep: func(string) Keep { return KeepRows }, segments: c.declares, reader: reader}
		var rows Rows
		conv.convert(log.Record{
			Partition: log.Partition{Topic: "in"}, TimeMS: 5,
			Value: []byte(`{"type":"prediction","model":"m","id":"1","score":0.5,"features":{"x":1},"segments":` + c.segments + `}`),
		}, &rows)
		if len(rows.Examples) != 2 {
			t.Fatalf("%s: %d groups, want a prediction and features", c.name, len(rows.Examples))
		}
		for _, x := range rows.Examples {
			want := ""
			if x.Features != "" {
				want = c.want
			}
			if x.Segments != want {
				t.Errorf("%s: segments %q, want %q", c.name, x.Segments, want)
			}
		}
	}
}
