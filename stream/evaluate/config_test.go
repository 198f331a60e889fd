package evaluate

import (
	"strings"
	"testing"

	"github.com/driftline/driftline/stream/wire"
)

func layout(slotPanes int64, windowsMS ...int64) wire.Layout {
	return wire.Layout{
		PaneMS: 60_000, SlotPanes: slotPanes, LatenessMS: 120_000, SkewMS: 60_000, DisorderMS: 240_000, PanesPartitions: 1,
		WindowsMS: windowsMS, Inputs: []wire.Input{{Topic: "in", Role: wire.RoleEvents}},
	}
}

// A ring must hold its longest window, the run, and one more.
func TestFault_RingTooShort(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		layout  wire.Layout
		longest int // run
	}{
		{"the plan: an hour, a day, a week", layout(60, 3_600_000, 86_400_000, 604_800_000), 119},
		{"short slots", layout(4, 180_000, 720_000), 7},
		{"one short window", layout(60, 180_000), 236},
	} {
		if got := maxRun(tt.layout); got != tt.longest {
			t.Errorf("%s: a run of %d panes at most, want %d", tt.name, got, tt.longest)
		}
		if err := (Config{Layout: tt.layout, MaxRun: tt.longest}).Validate(); err != nil {
			t.Errorf("%s: a run of %d: %v", tt.name, tt.longest, err)
		}
		err := Config{Layout: tt.layout, MaxRun: tt.longest + 1}.Validate()
		if err == nil || !strings.Contains(err.Error(), "the ring holds") {
			t.Errorf("%s: a run of %d: error %v", tt.name, tt.longest+1, err)
		}
	}
}

func TestTable_ClaimsJoinInAnyOrderAndStayApartByControl(t *testing.T) {
	t.Parallel()
	s := wire.Source{Topic: "in"}
	claims := []wire.Frontier{
		{Source: s, Partitions: 1, SinceMS: -1, UptoMS: 120_000, Control: 3},
		{Source: s, Partitions: 1, SinceMS: 120_000, UptoMS: 240_000, Control: 3},
		{Source: s, Partitions: 1, SinceMS: 300_000, UptoMS: 480_000, Control: 3},
		{Source: s, Partitions: 1, SinceMS: -1, UptoMS: 60_000, Control: 5},
		{Source: s, Partitions: 1, SinceMS: 1 << 62, UptoMS: 100, Control: 9}, // claims nothing
	}
	for _, order := range [][]int{{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {2, 0, 3, 3, 1, 0, 4}} {
		tb := newTable(layout(4, 180_000))
		if _, ok := tb.upto(0); ok {
			t.Fatal("final before the topic has announced its partitions")
		}
		for _, i := range order {
			tb.merge(claims[i])
		}
		for _, tt := range []struct {
			pane, control int64
			covered       uint64
		}{
			{0, 0, 1}, {0, 4, 1}, {1, 0, 1}, {1, 4, 0}, {3, 0, 1}, {4, 0, 0}, {5, 0, 0}, {6, 0, 1}, {7, 0, 1}, {8, 0, 0},
		} {
			if covered, expected := tb.coverage(tt.pane, tt.control); covered != tt.covered || expected != 1 {
				t.Errorf("order %v, pane %d with control %d: covered %d of %d, want %d of 1", order, tt.pane, tt.control, covered, expected, tt.covered)
			}
		}
		if upto, _ := tb.upto(0); upto != 480_000 {
			t.Errorf("upto %d", upto)
		}
		if upto, ok := tb.upto(4); !ok || upto != 60_000 {
			t.Errorf("upto with control 4: %d, %v", upto, ok)
		}
		again := newTable(tb.layout)
		tb.forget(60_000) // of the claims that end there none is needed, but for one that is its source's furthest
		if n := len(tb.rows[s].claims); n != 2 {
			t.Errorf("order %v: %d claims are kept, want the one of control 3 that is ahead of 60 s, joined, and the last", order, n)
		}
		again.restore(tb.snapshot())
		if c, e := again.coverage(1, 0); c != 1 || e != 1 {
			t.Errorf("restored: covered %d of %d", c, e)
		}
	}
}

func TestPlace_OnlyKeysOfSlotsAreRead(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]place{
		string(wire.SlotKey("a/b", 2, 1, 17)):     {"a/b", 1, 17},
		string(wire.CoverageKey(0, 3)):            {"_coverage", 0, 3},
		string(wire.DoneKey(3)):                   {},
		string(wire.AppliedKey("policy", "m", 1)): {},
		string(learntKey("m", 1, 0)):              {},
		"":                                        {},
		"m/0/0/-1":                                {},
		"m/0/2/1":                                 {},
	} {
		if got, ok := parsePlace(key); got != want || ok != (want != place{}) {
			t.Errorf("%q: %+v, %v, want %+v", key, got, ok, want)
		}
	}
}
