package web

import "testing"

func TestCheckText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body, want string
	}{
		{"volume", `{"check":"volume","rule":"far fewer rows than expected","detail":{"rows":12,"expected":5040.2,"least":4800,"most":5300,"weeks":4,"direction":"fewer"}}`,
			"far fewer rows than expected: 12, where the same hours of 4 weeks held 5,040 on average, 4,800 to 5,300"},
		{"freshness, declared", `{"check":"freshness","rule":"no rows although a delivery is due","detail":{"last_ms":1767225600000,"due_ms":1767333600000,"source":"expect_every"}}`,
			"no rows although a delivery is due: the last ones came up to 2026-01-01 00:00 UTC, and more were due by 2026-01-02 06:00 UTC, by expect_every of the model"},
		{"freshness, learnt", `{"check":"freshness","rule":"no rows although a delivery is due","detail":{"last_ms":1767225600000,"source":"learnt"}}`,
			"no rows although a delivery is due: the last ones came up to 2026-01-01 00:00 UTC, by what the last weeks brought"},
		{"schema", `{"check":"schema","rule":"r","detail":{"absent":["a","b"],"type_changed":["c"]}}`,
			"a, b in no row; c of another type than the reference's"},
		{"without detail", `{"check":"schema","rule":"a feature is absent or of another type"}`, "a feature is absent or of another type"},
	} {
		e, err := parseEvent(`{"data":` + tt.body + `}`)
		if err != nil {
			t.Fatal(tt.name, err)
		}
		if got := checkText(&e.Data); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
