package drift

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func at(t testing.TB, text string) int64 {
	t.Helper()
	x, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		t.Fatal(err)
	}
	return x.UnixMilli()
}

func TestMissing_SaysWhatIsMissingAndWhenTheFirstVerdictComes(t *testing.T) {
	t.Parallel()
	const day = 24 * hourMS
	whole := Missing{
		WindowMS: day, EndMS: at(t, "2026-03-01 05:00"), Rows: 5000, MinRows: 100, Reference: true, Filled: 1, WarmUp: 0.5,
		Covered: 1, MinCovered: 0.95, Features: 4, Judged: 4, MinJudged: 0.5, Detectable: math.NaN(),
	}
	for _, x := range []struct {
		name   string
		change func(*Missing)
		want   string // part of the text; "": nothing is missing
		first  string
	}{
		{"nothing", func(*Missing) {}, "", ""},
		{"no window", func(m *Missing) { m.EndMS = 0 }, "no window has ended yet", ""},
		{"no reference", func(m *Missing) { m.Reference = false }, "no reference yet: 5000 rows in the newest window of 24 h; driftline reference build", ""},
		{"no rows", func(m *Missing) { m.Rows = 0 }, "no rows in the newest window of 24 h", ""},
		{
			"learning", func(m *Missing) { m.Learning, m.Seen, m.Judged = true, 5, 0 },
			"5 of 8 windows of 24 h seen, from which is learnt how records hang together; the first verdict comes about 2026-03-04 00:00 UTC if the traffic stays", "2026-03-04 00:00",
		},
		{"learning, on a whole day", func(m *Missing) { m.Learning, m.Seen, m.EndMS = true, 7, at(t, "2026-03-01 00:00") }, "7 of 8", "2026-03-02 00:00"},
		{"warm-up", func(m *Missing) { m.Filled = 0.25 }, "25 % of the window of 24 h has been counted, 50 % are needed; the first verdict comes about 2026-03-01 11:00", "2026-03-01 11:00"},
		{"warm-up and learning", func(m *Missing) { m.Filled, m.Learning, m.Seen = 0.25, true, 0 }, "0 of 8 windows", "2026-03-09 00:00"},
		{"coverage", func(m *Missing) { m.Covered = 0.6 }, "60 % of the input was there, 95 % are needed", ""},
		{"few rows", func(m *Missing) { m.Rows, m.Judged = 40, 0 }, "40 rows in the window of 24 h, 100 are needed", ""},
		{
			"few effective rows", func(m *Missing) { m.Judged, m.NEff, m.MinNEff, m.Design, m.Detectable = 0, 12.34, 30, 40, 1.25 },
			"0 of 4 features could be judged, 50 % are needed; effective size 12.3 of 5000 rows, at least 30 is needed (40 rows weigh as one), and only a PSI of 1.25 or more could be told: no verdict comes", "",
		},
		{"half judged is enough", func(m *Missing) { m.Judged = 2 }, "", ""},
		{"too few judged", func(m *Missing) { m.Judged = 1 }, "1 of 4 features could be judged", ""},
		{"one row", func(m *Missing) { m.Rows, m.Reference = 1, false }, "1 row in", ""},
		{"a week", func(m *Missing) { m.WindowMS, m.Rows = 7*day, 0 }, "window of 7 d", ""},
	} {
		m := whole
		x.change(&m)
		text, first := m.Words()
		if x.want == "" && text != "" || !strings.Contains(text, x.want) {
			t.Errorf("%s: %q, want %q in it", x.name, text, x.want)
		}
		want := int64(0)
		if x.first != "" {
			want = at(t, x.first)
		}
		if first != want {
			t.Errorf("%s: first verdict at %s, want %q", x.name, momentWords(first), x.first)
		}
	}
}

// TestRecalled_AgreesWithTheVerdict: what a record keeps gives the smallest detectable PSI
// of the comparison, with and without dependence.
func TestRecalled_AgreesWithTheVerdict(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(51, 3))
	f, ref, cur := onGrid(t, normals(rng, 5000, 0, 1), normals(rng, 1500, 0.2, 1))
	blocks, err := FromReferenceBlocks(ar1Blocks(t, f, ref, 3, 0.7, 24, 500))
	if err != nil {
		t.Fatal(err)
	}
	live := FromLiveWindows(ar1Blocks(t, f, ref, 3, 0.7, MinLiveWindows, 500))
	for name, dep := range map[string]Dependence{"independent": Independent(), "blocks": blocks, "live": live} {
		r := Judge(f, ref, cur, dep, DefaultSettings())
		k := Recalled{
			N: r.N, M: r.M, NEff: FromNano(Nano(r.NEff)), DesignEffect: FromNano(Nano(r.DesignEffect)), Bins: r.Bins, Blocks: r.BlockCount,
			Alpha: FromNano(Nano(r.Alpha)), Tau: r.Tau,
		}
		got, want := k.SmallestDetectable(), r.SmallestDetectable()
		if !(math.Abs(got-want) < 1e-5*want) {
			t.Errorf("%s: %g, want %g", name, got, want)
		}
	}
	if x := (Recalled{N: 5, M: 5, Bins: 1, NEff: 5, DesignEffect: 1}).SmallestDetectable(); !math.IsNaN(x) {
		t.Errorf("one bin detects %g", x)
	}
}
