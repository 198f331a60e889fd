package metrics

import (
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/driftline/driftline/cmd/driftline/internal/ops"
	"github.com/driftline/driftline/registry/store/storetest"
	"github.com/driftline/driftline/stream/log"
)

var update = flag.Bool("update", false, "rewrite testdata/metrics.golden")

const golden = "testdata/metrics.golden"

func TestCatalog_IsTheGoldenList(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, e := range Catalog() {
		b.WriteString(e.Name + " " + string(e.Kind) + " {" + strings.Join(e.Labels, ",") + "} " + e.Help + "\n")
	}
	if *update {
		do(t, os.WriteFile(golden, []byte(b.String()), 0o644))
	}
	have, err := os.ReadFile(golden)
	do(t, err)
	if string(have) != b.String() {
		t.Errorf("the catalog differs from %s. A renamed metric or label breaks dashboards and rules of users: say so in CHANGELOG.md, then run the tests of this package with -update", golden)
	}
}

func TestCatalog_StandsInTheDocsWithItsQuestions(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../../docs/metrics.md")
	do(t, err)
	rows := 0
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, "| `driftline_") {
			rows++
		}
	}
	for _, e := range Catalog() {
		labels := "–"
		if len(e.Labels) > 0 {
			labels = "`" + strings.Join(e.Labels, "`, `") + "`"
		}
		row := "| `" + e.Name + "` | " + string(e.Kind) + " | " + labels + " | " + e.Question + " | " + e.Help + " |\n"
		if !strings.Contains(string(text), row) {
			t.Errorf("docs/metrics.md lacks the row\n%s", row)
		}
	}
	if rows != len(Catalog()) {
		t.Errorf("docs/metrics.md has %d rows, want %d", rows, len(Catalog()))
	}
}

func TestCatalog_EveryMetricIsShownAsItSaysAndPassesTheLint(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	full(t, s)
	m, reg := start(t, s, newClock(), func(c *Config) {
		c.Lag = func() []Lag { return []Lag{{Topic: "ml.predictions", Partition: 1, Next: 5, End: 9}} }
		c.Judged = func() (int64, bool) { return startMS - 180_000, true }
		c.Memory = func() Memory { return Memory{Collect: 1, Evaluate: 2, Limit: 4} }
	})
	ops.Register(reg, "1", "abc", "go1", false)
	m.Retried("fetch x", 1, nil)
	m.Rebalanced("collect")
	m.Lost(log.Partition{Topic: "ml.predictions"}, "removed_unread", 3)
	m.RegistryWrite(errors.New("disk full"))
	m.Delivery("slack", nil)
	m.Ingested("ok", 3, 900)
	m.Event("fraud", "dev.driftline.drift.detected.v1", startMS-5000)

	problems, err := testutil.GatherAndLint(reg)
	do(t, err)
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "driftline_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	families, err := reg.Gather()
	do(t, err)
	shown := map[string]bool{}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "driftline_") {
			continue
		}
		i := slices.IndexFunc(catalog, func(e Entry) bool { return e.Name == f.GetName() })
		if i < 0 {
			t.Errorf("%s is not in the catalog", f.GetName())
			continue
		}
		e := catalog[i]
		shown[e.Name] = true
		if f.GetHelp() != e.Help {
			t.Errorf("%s: help %q, want %q", e.Name, f.GetHelp(), e.Help)
		}
		if k := strings.ToLower(f.GetType().String()); k != string(e.Kind) {
			t.Errorf("%s is a %s, want %s", e.Name, k, e.Kind)
		}
		for _, x := range f.GetMetric() {
			var names []string
			for _, l := range x.GetLabel() {
				names = append(names, l.GetName())
			}
			labels := slices.Sorted(slices.Values(e.Labels))
			if !slices.Equal(names, labels) {
				t.Errorf("%s has labels %v, want %v", e.Name, names, labels)
			}
		}
	}
	for _, e := range catalog {
		if !shown[e.Name] {
			t.Errorf("%s has no series over a full store", e.Name)
		}
	}
}

func TestNew_SaysAllThatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := New(prometheus.NewRegistry(), Config{Store: storetest.Open(t), MaxSeries: -1})
	if err == nil {
		t.Fatal("no error for a configuration without clock, with a negative cap and no layout")
	}
	for _, part := range []string{"no clock", "-1 series", "stream.resolution"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not speak of %q", err, part)
		}
	}
	reg := prometheus.NewRegistry()
	c := newClock()
	if _, err := New(reg, Config{NowMS: c.now}); err != nil {
		t.Fatal(err)
	}
	if _, err := New(reg, Config{NowMS: c.now}); err == nil {
		t.Error("registered twice without an error")
	}
}
