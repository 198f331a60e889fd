package monitoring

import (
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	alertmanager "github.com/prometheus/alertmanager/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"gopkg.in/yaml.v3"
)

const (
	root       = "../../.."
	goldenList = root + "/cmd/driftline/internal/metrics/testdata/metrics.golden"
	runbooks   = root + "/docs/runbooks"
)

var promql = parser.NewParser(parser.Options{})

// metricNames are the names that expressions may use, each with its labels.
func metricNames(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(goldenList)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		f := strings.SplitN(line, " ", 4)
		if len(f) != 4 {
			t.Fatalf("line %q of %s, want name, type, labels, help", line, goldenList)
		}
		var labels []string
		if l := strings.Trim(f[2], "{}"); l != "" {
			labels = strings.Split(l, ",")
		}
		out[f[0]] = labels
		if f[1] == "histogram" {
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				out[f[0]+suffix] = append(slices.Clone(labels), "le")
			}
		}
	}
	if len(out) < 30 {
		t.Fatalf("only %d metrics in %s", len(out), goldenList)
	}
	return out
}

// rules reads the rule file as Prometheus does, unknown fields refused.
func rules(t *testing.T) []rulefmt.RuleGroup {
	t.Helper()
	groups, errs := rulefmt.ParseFile("../prometheus-rules.yaml", false, model.UTF8Validation, promql, slog.New(slog.DiscardHandler))
	for _, err := range errs {
		t.Error(err)
	}
	if groups == nil {
		t.FailNow()
	}
	return groups.Groups
}

// records adds the names that the recording rules make, with the labels they keep.
func records(t *testing.T, names map[string][]string) {
	t.Helper()
	for _, g := range rules(t) {
		for _, r := range g.Rules {
			if r.Record != "" {
				names[r.Record] = grouping(t, r.Expr)
			}
		}
	}
}

// grouping returns the labels of the outermost `by`.
func grouping(t *testing.T, expr string) []string {
	t.Helper()
	e, err := promql.ParseExpr(expr)
	if err != nil {
		t.Fatal(err)
	}
	if b, ok := e.(*parser.BinaryExpr); ok {
		e = b.LHS
	}
	if a, ok := e.(*parser.AggregateExpr); ok {
		return a.Grouping
	}
	t.Fatalf("%s: a recording rule ends in an aggregation", expr)
	return nil
}

// beside are labels that Prometheus itself adds.
var beside = []string{model.MetricNameLabel, "instance", "job"}

// faults says which names and labels an expression uses that do not exist.
func faults(expr string, names map[string][]string) []string {
	e, err := promql.ParseExpr(expr)
	if err != nil {
		return []string{err.Error()}
	}
	var out []string
	used := 0
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		v, ok := n.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		used++
		labels, known := names[v.Name]
		if !known {
			out = append(out, "no metric "+v.Name)
			return nil
		}
		for _, m := range v.LabelMatchers {
			if !slices.Contains(labels, m.Name) && !slices.Contains(beside, m.Name) {
				out = append(out, v.Name+" has no label "+m.Name)
			}
		}
		return nil
	})
	if used == 0 {
		out = append(out, "uses no metric")
	}
	return out
}

func TestRules_UseOnlyMetricsAndLabelsOfTheGoldenList(t *testing.T) {
	t.Parallel()
	names := metricNames(t)
	records(t, names)
	alerts := 0
	for _, g := range rules(t) {
		for _, r := range g.Rules {
			for _, f := range faults(r.Expr, names) {
				t.Errorf("%s%s: %s", r.Alert, r.Record, f)
			}
			if r.Alert != "" {
				alerts++
			}
		}
	}
	if alerts < 15 {
		t.Errorf("only %d alerts", alerts)
	}
}

func TestRules_TheCheckOfNamesBites(t *testing.T) {
	t.Parallel()
	names := map[string][]string{"a_total": {"model"}}
	for expr, want := range map[string]string{
		`sum(rate(a_total{model="x"}[5m]))`: "",
		`sum(rate(b_total[5m]))`:            "no metric b_total",
		`a_total{topic="x"} > 1`:            "a_total has no label topic",
		`a_total{instance="x"} > `:          "parse error",
		`1 + 1`:                             "uses no metric",
	} {
		got := strings.Join(faults(expr, names), "; ")
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", expr, got, want)
		}
	}
}

func TestAlerts_CarryWhatAPersonNeeds(t *testing.T) {
	t.Parallel()
	pages := []string{ // who is woken, and by nothing else
		"DriftlineCollectStale", "DriftlineDown", "DriftlineEvaluateStale", "DriftlinePerformanceFalling",
		"DriftlineRegistryWritesFailing", "DriftlineRetrainFailing", "DriftlineStoreDown",
	}
	var critical []string
	for _, g := range rules(t) {
		for _, r := range g.Rules {
			if r.Alert == "" {
				continue
			}
			switch r.Labels["severity"] {
			case "critical":
				critical = append(critical, r.Alert)
			case "warning", "info":
			default:
				t.Errorf("%s: severity %q, want critical, warning or info", r.Alert, r.Labels["severity"])
			}
			if want := "docs/runbooks/" + r.Alert + ".md"; r.Annotations["runbook_url"] != want {
				t.Errorf("%s: runbook_url %q, want %q", r.Alert, r.Annotations["runbook_url"], want)
			}
			for _, a := range []string{"summary", "description"} {
				if r.Annotations[a] == "" {
					t.Errorf("%s: no %s", r.Alert, a)
				}
			}
			if strings.Contains(r.Expr, "alarm_state") && time.Duration(r.For) > 2*time.Minute {
				t.Errorf("%s waits %s: alarms count hops themselves", r.Alert, time.Duration(r.For))
			}
		}
	}
	slices.Sort(critical)
	if !slices.Equal(critical, pages) {
		t.Errorf("critical alerts %v, want %v", critical, pages)
	}
}

// commands are those of driftline that a runbook may name.
var commands = regexp.MustCompile(`^(all|demo|migrate|explain|check|replay|doctor|pause|resume|help|run (collect|evaluate|historian|trainer|serve)|retrain|topics (create|check)|models (list|show|apply|promote|rollback|compare)|alarms (list|show|ack|note)|retrains (list|show|approve|cancel|retry)|reference (build|list|show)|silence (add|list|expire)|mapping (test|infer)|config (schema|validate|show))( |$)`)

// inner are words that operators never read, but for the name of a topic.
var inner = regexp.MustCompile(`(?i)\b(panes?|partials?|frontiers?|slots?|horizons?|record-highs?|done[ _-]markers?)\b`)

func TestRunbooks_OnePerAlertWithSignCheckMendUndo(t *testing.T) {
	t.Parallel()
	want := map[string]string{}
	for _, g := range rules(t) {
		for _, r := range g.Rules {
			if r.Alert != "" {
				want[r.Alert] = r.Labels["severity"]
			}
		}
	}
	files, err := filepath.Glob(runbooks + "/Driftline*.md")
	if err != nil {
		t.Fatal(err)
	}
	index, err := os.ReadFile(runbooks + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".md")
		if want[name] == "" {
			t.Errorf("%s belongs to no alert", f)
		}
	}
	for name, severity := range want {
		raw, err := os.ReadFile(filepath.Join(runbooks, name+".md"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		text := string(raw)
		at := 0
		for _, part := range []string{"# " + name + "\n", "Severity: " + severity + ".", "\n## Sign\n", "\n## Check\n", "\n## Mend\n", "\n## Undo\n"} {
			i := strings.Index(text[at:], part)
			if i < 0 {
				t.Errorf("%s lacks %q in its place", name, strings.TrimSpace(part))
				continue
			}
			at += i + len(part)
		}
		if w := inner.FindString(strings.ReplaceAll(text, "driftline.panes", "")); w != "" {
			t.Errorf("%s speaks of %q", name, w)
		}
		for _, m := range regexp.MustCompile("`driftline ([^`]*)`").FindAllStringSubmatch(text, -1) {
			if !commands.MatchString(m[1]) {
				t.Errorf("%s names driftline %s, which is no command", name, m[1])
			}
		}
		if !strings.Contains(string(index), "| ["+name+"]("+name+".md) | "+severity+" |") {
			t.Errorf("%s is not in the list of runbooks with severity %s", name, severity)
		}
	}
}

func TestAlertmanagerExample_LoadsAndNamesAlertsThatExist(t *testing.T) {
	t.Parallel()
	if _, err := alertmanager.LoadFile("../alertmanager-example.yaml"); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile("../alertmanager-example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, g := range rules(t) {
		for _, r := range g.Rules {
			known[r.Alert] = true
		}
	}
	found := regexp.MustCompile(`Driftline[A-Z]\w+`).FindAllString(string(raw), -1)
	for _, name := range found {
		if !known[name] {
			t.Errorf("the example inhibits %s, which is no alert", name)
		}
	}
	if len(found) < 8 {
		t.Errorf("only %d alerts are named in the example", len(found))
	}
}

// unitTests is what this package needs of a promtool test file.
type unitTests struct {
	Tests []struct {
		Name  string `yaml:"name"`
		Exprs []struct {
			Expr    string `yaml:"expr"`
			At      string `yaml:"eval_time"`
			Samples []any  `yaml:"exp_samples"`
		} `yaml:"promql_expr_test"`
	} `yaml:"tests"`
}

func TestUnitTests_ShowEachAlertSilentFiringAndResolved(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../tests.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file unitTests
	if err := yaml.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, test := range file.Tests {
		course := map[string]string{} // alert → one letter per evaluation, in order of time
		last := map[string]model.Duration{}
		for _, e := range test.Exprs {
			m := regexp.MustCompile(`^ALERTS\{alertname="(\w+)",alertstate="firing"\}$`).FindStringSubmatch(e.Expr)
			if m == nil {
				continue
			}
			at, err := model.ParseDuration(e.At)
			if err != nil || at <= last[m[1]] {
				t.Errorf("%s: eval_time %s, want one after %s", test.Name, e.At, last[m[1]])
			}
			last[m[1]] = at
			letter := "."
			if len(e.Samples) > 0 {
				letter = "F"
			}
			course[m[1]] += letter
		}
		for alert, c := range course {
			shown[alert] = shown[alert] || c == ".F."
		}
	}
	for _, g := range rules(t) {
		for _, r := range g.Rules {
			if r.Alert != "" && !shown[r.Alert] {
				t.Errorf("%s is not shown silent, firing and silent again in tests.yaml", r.Alert)
			}
		}
	}
}
