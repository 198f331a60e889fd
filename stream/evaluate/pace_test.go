package evaluate

import (
	"slices"
	"testing"

	"github.com/driftline/driftline/stream/wire"
)

// A model of steady traffic whose input lacks the same hour every week: a restart, say.
// When its rows end with that hour, the lack of verdicts is not excused, whatever it is
// that is known of the time since.
func TestPace_AnHourThatIsNeverKnownHidesNoOutage(t *testing.T) {
	t.Parallel()
	const hour, restart = int64(3_600_000), 40
	f := New(Config{Layout: layout(60, 3_600_000), Policy: wire.DefaultPolicy()})
	m := f.model("m")
	p, err := f.paceOf(m)
	if err != nil {
		t.Fatal(err)
	}
	at := int64(0)
	add := func(rows uint64) {
		if err := p.volume.Add(at*hour, rows, at%168 != restart); err != nil {
			t.Fatal(err)
		}
		at++
	}
	for at < 6*168+restart {
		add(100)
	}
	p.lastMS = at * hour
	late := int64(0)
	for range 7 * 24 { // what lasts longer is how things are now
		add(0)
		j := &judgement{policy: f.cfg.Policy, cfg: f.alarmConfig(hour, f.cfg.Policy)}
		j.window = &window{endMS: at * hour, lengthMS: hour, half: true, full: true, covered: true}
		switch excused := p.excused(j); {
		case !excused && late == 0:
			late = at*hour - p.lastMS
		case excused && late > 0:
			t.Fatalf("%d hours without a row are excused again", (at*hour-p.lastMS)/hour)
		}
	}
	if late == 0 || late > 5*hour {
		t.Errorf("not excused from hour %d on, want within 5", late/hour)
	}
}

// The state of the cadence stands in the history at the end of every slot, also where the
// shortest window is empty and steps no alarm there.
func TestPace_EveryEndOfASlotIsInTheHistory(t *testing.T) {
	t.Parallel()
	p := wire.DefaultPolicy()
	f, _ := movingFold(t, layout(15, 1_800_000), p)
	standsInHistory(t, f, func(int64) {})
}

// standsInHistory runs three slots of fifteen panes and looks for the cadence's state in
// the scores.
func standsInHistory(t *testing.T, f *Fold, before func(pane int64)) {
	t.Helper()
	ends := []int64{}
	for pane := range int64(45) {
		before(pane)
		out := &output{}
		if err := f.pane(final{pane: pane, covered: wire.Coverage{Number: pane, Covered: 1, Expected: 1}}, out); err != nil {
			t.Fatal(err)
		}
		for _, r := range out.scores {
			s, err := wire.DecodeScore(r.Value)
			if err != nil {
				t.Fatal(err)
			}
			if len(s.Cadence) > 0 {
				ends = append(ends, s.EndMS/60_000)
			}
		}
	}
	if !slices.Equal(ends, []int64{15, 30, 45}) {
		t.Errorf("the state stands at minutes %v, want 15, 30, 45", ends)
	}
}

// Before there is a reference, too: a replay that begins then and judges later goes on with
// what was learnt.
func TestPace_IsInTheHistoryWhileThereIsNoReference(t *testing.T) {
	t.Parallel()
	f, m := movingFold(t, layout(15, 1_800_000), wire.DefaultPolicy())
	m.refs = nil
	standsInHistory(t, f, func(pane int64) {
		c := newCell()
		c.entry(key{version: "1"}).rows = 3
		f.pending[pane] = &pending{merged: map[string]*cell{"m": c}}
	})
}

// The same where of all hours of the week one alone is known, in which rows come.
func TestPace_AnOutageThatNobodyCanSeeEndsItsExcuseAfterAWeek(t *testing.T) {
	t.Parallel()
	const hour = int64(3_600_000)
	f := New(Config{Layout: layout(60, 3_600_000), Policy: wire.DefaultPolicy()})
	p, err := f.paceOf(f.model("m"))
	if err != nil {
		t.Fatal(err)
	}
	for at := range int64(6*168 - 3) {
		if err := p.volume.Add(at*hour, 100, at%168 == 0); err != nil {
			t.Fatal(err)
		}
	}
	for days, want := range map[int64]bool{3: true, 8: false} {
		now := (6*168 + 1) * hour
		p.lastMS = now - days*24*hour
		j := &judgement{policy: f.cfg.Policy, cfg: f.alarmConfig(hour, f.cfg.Policy)}
		j.window = &window{endMS: now, lengthMS: hour, half: true, full: true, covered: true}
		if got := p.excused(j); got != want {
			t.Errorf("%d days without a row: excused %v, want %v", days, got, want)
		}
	}
}
