package commands

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/web"
)

// firing waits until the instance knows the alarms that fire.
func (b *bench) firing(ctx context.Context) []web.Alarm {
	b.t.Helper()
	for {
		var list []web.Alarm
		decode(b.t, b.must("alarms", "list", "--state", "firing", "--kind", "drift", "-o", "json"), &list)
		if len(list) > 0 {
			return list
		}
		select {
		case <-ctx.Done():
			b.t.Fatal("no drift alarm fires")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func TestSilence_MutesAnAlarmOfARunningInstance(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	csv := b.referenceCSV(3000)
	b.during(func(ctx context.Context, r *app.Running) {
		b.must("reference", "build", "churn", "--from", "file:"+csv, "--time-column", "ts", "--label-column", "label")
		b.events(ctx, r)
		for _, a := range b.firing(ctx) {
			if a.SilencedUntilMS != 0 {
				t.Fatalf("alarm %+v is silenced before there is a silence", a)
			}
		}
		if code, _, errs := b.run("silence", "add", "--model", "churn", "--feature", "amout", "--for", "2d", "--reason", "x"); code != cli.Failure || !strings.Contains(errs, `"amout" is no feature`) {
			t.Errorf("a misspelt feature ends with %d: %s", code, errs)
		}
		add := func(feature string) web.Silence {
			t.Helper()
			var s web.Silence
			decode(t, b.must("silence", "add", "--model", "churn", "--feature", feature, "--for", "2d", "--reason", "new price list", "-o", "json"), &s)
			if left := time.Until(time.UnixMilli(s.UntilMS)); s.ID == "" || !s.Active || left < 47*time.Hour || left > 49*time.Hour {
				t.Fatalf("silence %+v, %s left; want two days", s, left)
			}
			return s
		}
		muted := func(want int64) {
			t.Helper()
			for _, a := range b.firing(ctx) {
				if a.State != "firing" || a.SilencedUntilMS != want {
					t.Errorf("alarm %s is %s, silenced until %d; want it firing, until %d", a.ID, a.State, a.SilencedUntilMS, want)
				}
			}
		}
		// The amounts moved and the plans did not.
		other := add("plan")
		muted(0)
		own := add("amount")
		muted(own.UntilMS)
		id := b.firing(ctx)[0].ID
		if out := b.must("alarms", "show", id); !strings.Contains(out, "nobody is told until then") || !strings.Contains(out, "new price list") {
			t.Errorf("the alarm does not show its silence:\n%s", out)
		}
		if out := b.must("models", "list"); !strings.Contains(out, " silenced)") {
			t.Errorf("the list of models does not show it:\n%s", out)
		}
		b.must("silence", "expire", own.ID)
		muted(0)
		if out := b.must("silence", "list"); strings.Contains(out, own.ID) || !strings.Contains(out, other.ID) {
			t.Errorf("silences in force:\n%s", out)
		}
		if out := b.must("silence", "list", "--all"); !strings.Contains(out, "ended by ") {
			t.Errorf("all silences:\n%s", out)
		}
	})
}

// The configuration lists the model, and is written into the database at each start.
func TestPause_OutlivesARestart(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.during(func(context.Context, *app.Running) {
		if out := b.must("pause", "churn", "--reason", "labels are wrong"); out != "model churn is paused\n" {
			t.Errorf("pause says %q", out)
		}
	})
	b.during(func(context.Context, *app.Running) {
		var m web.ModelDetail
		decode(t, b.must("models", "show", "churn", "-o", "json"), &m)
		if m.State != "paused" || m.PausedReason != "labels are wrong" {
			t.Errorf("after a restart: %+v", m.ModelSummary)
		}
		if out := b.must("resume", "churn"); out != "model churn is resumed\n" {
			t.Errorf("resume says %q", out)
		}
		decode(t, b.must("models", "show", "churn", "-o", "json"), &m)
		if m.State != "watching" {
			t.Errorf("after resuming: %+v", m.ModelSummary)
		}
	})
}
