package commands

import (
	"bytes"
	"strings"
	"testing"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/trainer/reference"
)

// Where a version is asked for, answers of others take none of the room.
func TestAnswers_OfOtherVersionsTakeNoRoom(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		asked string
		held  int
		more  bool
	}{{"2", 3, false}, {"", 5, true}, {"1", 5, true}} {
		a := answers{classes: wire.DefaultClasses, version: tt.asked, most: 5, names: map[string]string{}}
		for i := range 10 {
			a.add(reference.Answer{TimeMS: int64(i), Version: "1", Score: 0.5, HasScore: true})
		}
		for i := range 3 {
			a.add(reference.Answer{TimeMS: int64(20 + i), Version: "2", Score: 0.5, HasScore: true})
		}
		if len(a.all) != tt.held || a.more != tt.more {
			t.Errorf("asked for %q: %d held, more %v; want %d, %v", tt.asked, len(a.all), a.more, tt.held, tt.more)
		}
	}
}

// The last good days are those of the version that serves: its answers are compared, however
// many another one gave beside it.
func TestAnswers_OfLastGoodDaysAreThoseOfTheVersionThatServes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ kind, serves, asked, want string }{
		{fromLastGood, "1", "", "1"},
		{fromLastGood, "3", "", "2"}, // that no event names
		{fromLastGood, "1", "1", "1"},
		{fromTopic, "", "", "2"},
		{fromTopic, "1", "1", "1"},
	} {
		a := &answers{classes: wire.DefaultClasses, version: tt.asked, most: maxAnswers, names: map[string]string{}}
		for i := range 600 {
			version := "2"
			if i%3 == 0 {
				version = "1"
			}
			a.add(reference.Answer{TimeMS: int64(i), Version: version, Score: float64(i%100) / 100, HasScore: true})
		}
		b := builder{declared: &app.Declared{}, answered: a}
		out, err := b.answer(source{kind: tt.kind}, tt.serves)
		if err != nil || !out.Held || out.Version != tt.want || b.res.Reference.Answers.Version != tt.want {
			t.Errorf("%+v: answers of %q, %v", tt, out.Version, err)
		}
	}
}

// What a service calls its versions does not steer the terminal.
func TestReferenceBuild_PrintsNamesFromOutsideAsText(t *testing.T) {
	t.Parallel()
	var to bytes.Buffer
	b := builder{app: &cli.App{Out: &to}}
	b.out = built{Reference: "ab", Answers: builtAnswers{Held: true, Version: "1\u009b2J\x1b]0;x"}, Parts: []builtPart{{Segment: "region=\u009b31m", Rows: 7}}}
	if err := b.print(cli.TableFormat); err != nil {
		t.Fatal(err)
	}
	if out := to.String(); strings.ContainsAny(out, "\x1b\u009b") || !strings.Contains(out, "answers of version 1\ufffd2J") || !strings.Contains(out, "\nsegments: region=\ufffd31m 7 rows\nnothing was changed\n") {
		t.Errorf("printed %q", out)
	}
}
