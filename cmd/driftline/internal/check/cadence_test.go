package check_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/driftline/driftline/cmd/driftline/internal/check"
)

// Where there is too little, the report says how much it takes, and when or with which
// flag it is there; doing as it says is enough.
func TestCadence(t *testing.T) {
	t.Parallel()
	day := func(n int) int64 { return start.AddDate(0, 0, n).UnixMilli() }
	all := rows(1, 2000, 100, 0, 0, 0) // 20 a day
	for _, x := range []struct {
		name   string
		change func(c *check.Config)
		cur    check.Side
		says   []string
		never  string
	}{
		{"a span that never holds enough", func(c *check.Config) { c.CurrentDays, c.AsOfMS = 2, day(100) }, all, []string{"about 100 current rows", "20 rows come a day", "--current-days 5 would"}, "from 2026"},
		{"a source that is no longer filled", func(c *check.Config) { c.AsOfMS = day(160) }, all, []string{"none came after 2026-04-10T", "--as-of 2026-04-11T00:00:00Z"}, "come a day"},
		{"a source that has just begun", func(c *check.Config) { c.AsOfMS, c.ReferenceDays = day(95), 30 }, rows(2, 60, 3, 92, 0, 0), []string{"about 100 current rows", "they are there from 2026-04-0"}, "--current-days"},
		{"a reference before all rows", func(c *check.Config) { c.AsOfMS = day(3) }, all, []string{"the reference needs at least 30 rows", "they are there from 2026-01-09T12:00:00Z on"}, "current rows"},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			c := check.DefaultConfig()
			c.Timed = true
			x.change(&c)
			ref := all
			out := run(t, c, ref, x.cur)
			if out.Enough {
				t.Fatalf("there is enough: %d rows", out.NCurrent)
			}
			for _, s := range x.says {
				if !strings.Contains(out.Why, s) || !strings.Contains(out.Mend, s) {
					t.Errorf("no %q in %s", s, out.Why)
				}
			}
			if strings.Contains(out.Mend, x.never) {
				t.Errorf("%q in %s", x.never, out.Mend)
			}
		})
	}
	c := check.DefaultConfig()
	c.Timed, c.CurrentDays, c.AsOfMS = true, 5, day(100)
	if out := run(t, c, all, all); !out.Enough {
		t.Errorf("5 days were said to be enough: %s", out.Why)
	}
	begun := rows(2, 120, 6, 92, 0, 0)
	c.CurrentDays, c.ReferenceDays, c.AsOfMS = 7, 30, day(95)
	out := run(t, c, all, begun)
	if out.EnoughFrom != nil || out.Enough {
		if c.AsOfMS = int64(*out.EnoughFrom); !run(t, c, all, begun).Enough {
			t.Errorf("from %s on there was to be enough", out.EnoughFrom)
		}
	}
	untimed := check.DefaultConfig()
	if out := run(t, untimed, all, rows(3, 50, 1, 0, 0, 0)); out.RowsNeeded == nil || *out.RowsNeeded != 100 || !strings.Contains(out.Why, "give at least 100 current rows") {
		t.Errorf("without times: %v, %s", out.RowsNeeded, out.Why)
	}
	if out := run(t, untimed, all, rows(3, 100, 1, 0, 0, 0)); !out.Enough || out.RowsNeeded != nil {
		t.Errorf("with as many: %v, %s", out.RowsNeeded, out.Why)
	}
}

// Rows in another order are the same check; anything that decides makes another one.
func TestIdentity(t *testing.T) {
	t.Parallel()
	c := check.DefaultConfig()
	c.Timed, c.Model = true, "m"
	ref, cur := rows(1, 900, 90, 0, 0, 0), rows(2, 350, 7, 90, 4, 4)
	base := run(t, c, ref, cur)
	end, ok := base.EndMS(c)
	if last := cur.Rows[len(cur.Rows)-1].TimeMS; !ok || end != last+1 {
		t.Fatalf("the end is %d, want behind the last row at %d", end, last)
	}
	id := base.Identity(c, end)
	same := func(what string, c check.Config, ref, cur check.Side, want bool) {
		t.Helper()
		out := run(t, c, ref, cur)
		end, _ := out.EndMS(c)
		if (out.Identity(c, end) == id) != want {
			t.Errorf("%s: the same check is %v, want %v", what, !want, want)
		}
	}
	same("again", c, ref, cur, true)
	turned := cur
	turned.Rows = slices.Clone(cur.Rows)
	slices.Reverse(turned.Rows)
	same("rows in another order", c, ref, turned, true)
	fewer := cur
	fewer.Rows = cur.Rows[1:]
	same("a row less", c, ref, fewer, false)
	fewer = ref
	fewer.Rows = ref.Rows[1:]
	same("a row of the reference less", c, fewer, cur, false)
	for what, change := range map[string]func(c *check.Config){
		"threshold": func(c *check.Config) { c.Threshold = 0.5 }, "psi": func(c *check.Config) { c.PSI = 0.3 }, "rule": func(c *check.Config) { c.Rule = "classic" },
		"model": func(c *check.Config) { c.Model = "n" }, "rows needed": func(c *check.Config) { c.MinRows = 31 },
	} {
		other := c
		change(&other)
		same(what, other, ref, cur, false)
	}

	d := base.Evidence(c, end)
	if d.Model != "m" || d.Policy != "check" || d.Kind != "drift" || !d.MayRetrain || d.Rows != 350 || d.ReferenceRows != uint64(base.NReference) || d.Drifted != 4 || d.Judged != 11 || d.All != 11 ||
		len(d.Top) != 5 || d.ShareFire != 0.3 || d.Threshold != 0.2 || d.WindowMS != 7*86_400_000 || d.Detail["check"] != id.String() || len(d.Reference) != 32 {
		t.Errorf("evidence %+v", d)
	}
	for i, f := range d.Top[:4] {
		if f.Verdict != "drifted" || f.PSI == nil || f.PSILower == nil || len(f.Top) == 0 || i > 0 && *f.PSI > *d.Top[i-1].PSI {
			t.Errorf("feature %d of the event: %+v", i, f)
		}
	}
	// Without times somebody must say when.
	c.Timed = false
	untimed := run(t, c, ref, cur)
	if ms, ok := untimed.EndMS(c); ok {
		t.Errorf("without times the end is %d; want none", ms)
	}
	c.AsOfMS = 1_800_000_000_000
	if ms, ok := untimed.EndMS(c); !ok || ms != c.AsOfMS {
		t.Errorf("without times but as of then: %d, %v", ms, ok)
	}
}
