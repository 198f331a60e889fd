package commands

import (
	"context"
	"strings"
	"testing"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/replay"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/web"
)

// oddPart is a part that a sender could have named.
const oddPart = "note=<b>a=b/c\x1b[31m\ttab"

func partEvent(segment, episode string, retrain bool) store.EventRow {
	e := wire.NewEvent("test", wire.EventType("drift", "detected"), "id-"+episode, "warning", startMS, wire.EventData{
		Model: "churn", Version: "*", Kind: "drift", Policy: "default", Rule: "classic", Episode: episode, Reference: "ref-" + episode, Segment: segment, WindowMS: 10_000,
		StartMS: startMS - 10_000, EndMS: startMS, Phase: "firing", Rows: 42, ReferenceRows: 546, Drifted: 1, Judged: 2, All: 2, Threshold: 0.2, ShareFire: 0.3, Hops: 1, MayRetrain: retrain,
	})
	return store.EventRow{
		ID: e.ID, Type: e.Type, Model: "churn", TimeMS: startMS, Body: string(e.Encode()), Episode: episode, Version: "*", Policy: "default", Reference: e.Data.Reference,
		WindowMS: 10_000, Kind: "drift", Segment: segment, Phase: "firing", Share: 0.5, TopJSON: "[]",
	}
}

func partScore(segment, state, reason string, drifted, judged int) store.ScoreRow {
	s := wire.Score{Model: "churn", Version: "*", Reference: "ref-" + segment, Segment: segment, WindowMS: 10_000, EndMS: startMS, State: state, Reason: reason, Rows: 42, Drifted: drifted, Judged: judged, All: judged}
	return store.ScoreRow{
		Model: "churn", Version: "*", Reference: s.Reference, Segment: segment, WindowMS: 10_000, EndMS: startMS, Rows: 42, Drifted: int64(drifted), Judged: int64(judged), Total: int64(judged), Body: string(s.Encode()),
	}
}

// Commands say which part of the traffic an alarm, a silence or a score is of.
func TestSegments_OnTheCommandLine(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.during(func(ctx context.Context, r *app.Running) {
		err := r.Store.PutScores(ctx, []store.ScoreRow{
			partScore("region=eu", wire.StateJudged, "", 1, 2), partScore(oddPart, wire.StateLearning, "12 rows in this part of the reference", 0, 0),
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Store.PutEvents(ctx, []store.EventRow{partEvent("", "whole", true), partEvent("region=eu", "eu", false), partEvent(oddPart, "odd", false)}); err != nil {
			t.Fatal(err)
		}
		ids := func(args ...string) string {
			t.Helper()
			var list []web.Alarm
			decode(t, b.must(append([]string{"alarms", "list", "-o", "json"}, args...)...), &list)
			var out []string
			for _, a := range list {
				out = append(out, a.ID+"<"+a.Segment+">")
			}
			return strings.Join(out, " ")
		}
		for _, c := range []struct{ want, segment string }{
			{"eu<region=eu>", "region=eu"}, {"odd<" + oddPart + ">", oddPart}, {"eu<region=eu> odd<" + oddPart + ">", "*"}, {"", "region=mars"}, {"eu<region=eu> odd<" + oddPart + "> whole<>", ""},
		} {
			args := []string{}
			if c.segment != "" {
				args = []string{"--segment", c.segment}
			}
			if got := ids(args...); got != c.want {
				t.Errorf("alarms of %q: %q, want %q", c.segment, got, c.want)
			}
		}
		if code, _, errs := b.run("alarms", "list", "--segment", "eu"); code != cli.Failure || !strings.Contains(errs, "NAME=VALUE") {
			t.Errorf("a text that names no part ends with %d: %s", code, errs)
		}
		if code, _, errs := b.run("alarms", "list", "--incidents", "--segment", "region=eu"); code != cli.Usage || !strings.Contains(errs, "leave it out") {
			t.Errorf("incidents of a part end with %d: %s", code, errs)
		}
		for what, c := range map[string]struct {
			args []string
			want []string
		}{
			"list":      {[]string{"alarms", "list"}, []string{"drift of region=eu", "drift of note=<b>a=b/c"}},
			"incidents": {[]string{"alarms", "list", "--incidents"}, []string{"drift of region=eu 10s firing"}},
			"show":      {[]string{"alarms", "show", "eu"}, []string{"drift of region=eu of model churn", "the part region=eu, against the same part of the reference; starts no retrain"}},
			"explain": {[]string{"explain", "eu"}, []string{
				"churn, the part region=eu of the traffic: 1 of 2 features", "n = 42 against the same part of the reference, 546", "an alarm of a part of the traffic starts no retrain, for a new version learns from all of the traffic",
			}},
			"explain odd": {[]string{"explain", "odd"}, []string{"the part note=<b>a=b/c"}},
			"model":       {[]string{"models", "show", "churn"}, []string{"1 of 2 judged features drifted", "no verdict: 12 rows in this part of the reference", "drift of region=eu over 10s"}},
		} {
			out := b.must(c.args...)
			for _, want := range c.want {
				if !strings.Contains(out, want) {
					t.Errorf("%s lacks %q:\n%s", what, want, out)
				}
			}
			if strings.Contains(out, "\x1b") {
				t.Errorf("%s lets a name steer the terminal:\n%q", what, out)
			}
		}
		if code, _, errs := b.run("silence", "add", "--model", "churn", "--segment", "region=mars", "--for", "1h", "--reason", "x"); code != cli.Failure || !strings.Contains(errs, "region=eu") {
			t.Errorf("a silence of a part that there is not ends with %d: %s", code, errs)
		}
		if out := b.must("silence", "add", "--model", "churn", "--segment", "region=eu", "--for", "1h", "--reason", "works"); !strings.Contains(out, "churn, region=eu") {
			t.Errorf("the silence does not name its part:\n%s", out)
		}
		if out := b.must("alarms", "show", "eu"); !strings.Contains(out, "nobody is told until then") || !strings.Contains(out, "all kinds of region=eu") {
			t.Errorf("the alarm does not show its silence:\n%s", out)
		}
		if out := b.must("alarms", "show", "whole"); strings.Contains(out, "nobody is told") {
			t.Errorf("a silence of a part mutes all of the traffic:\n%s", out)
		}
	})
}

// The table of a replay tells a part from all of the traffic.
func TestReplayTable_NamesParts(t *testing.T) {
	t.Parallel()
	s := newSums()
	for _, x := range []wire.Score{
		{Model: "m", Version: "*", Reference: "a", WindowMS: 10_000, EndMS: startMS},
		{Model: "m", Version: "*", Reference: "b", WindowMS: 10_000, EndMS: startMS, Segment: "region=eu"},
	} {
		l, err := replay.ScoreLine(x.Encode())
		if err == nil {
			err = s.add(l)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	rows := s.table().Rows
	if len(rows) != 2 || rows[0][0] != "m" || rows[1][0] != "m, region=eu" || s.list()[1].Segment != "region=eu" {
		t.Errorf("rows %v", rows)
	}
}
