package monitoring

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

type dashboard struct {
	UID        string  `json:"uid"`
	ID         *int    `json:"id"`
	Panels     []panel `json:"panels"`
	Templating struct {
		List []struct {
			Name  string          `json:"name"`
			Query json.RawMessage `json:"query"`
		} `json:"list"`
	} `json:"templating"`
	Annotations struct {
		List []struct {
			Name string `json:"name"`
			Expr string `json:"expr"`
		} `json:"list"`
	} `json:"annotations"`
}

type panel struct {
	ID          int    `json:"id"`
	Type        string `json:"type"`
	Title       string `json:"title"`
	Description string `json:"description"`
	GridPos     struct{ X, Y, W, H int }
	Datasource  struct{ UID string }
	Targets     []struct {
		Expr       string
		Datasource struct{ UID string }
	}
}

// grafana replaces the variables of Grafana by something that PromQL can read.
var grafana = strings.NewReplacer("$__rate_interval", "5m", "$model", "m", "$feature", "f")

func load(t *testing.T) (d dashboard, raw string) {
	t.Helper()
	b, err := os.ReadFile("../grafana-driftline.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	return d, string(b)
}

func TestDashboard_EveryExpressionUsesMetricsOfTheGoldenList(t *testing.T) {
	t.Parallel()
	names := metricNames(t)
	records(t, names)
	d, _ := load(t)
	check := func(where, expr string) {
		t.Helper()
		if strings.Contains(expr, "rate(") && !strings.Contains(expr, "$__rate_interval") {
			t.Errorf("%s: a rate over a fixed range: %s", where, expr)
		}
		for _, f := range faults(grafana.Replace(expr), names) {
			t.Errorf("%s: %s in %s", where, f, expr)
		}
	}
	n := 0
	for _, p := range d.Panels {
		for _, x := range p.Targets {
			check(p.Title, x.Expr)
			n++
		}
	}
	for _, a := range d.Annotations.List {
		if a.Expr != "" {
			check("annotation "+a.Name, a.Expr)
			n++
		}
	}
	for _, v := range d.Templating.List {
		for _, m := range regexp.MustCompile(`label_values\(([^,]+(?:\{[^}]*\})?), (\w+)\)`).FindAllStringSubmatch(string(v.Query), -1) {
			var expr string
			if err := json.Unmarshal([]byte(`"`+m[1]+`"`), &expr); err != nil {
				t.Fatal(err)
			}
			check("variable "+v.Name, expr)
			n++
		}
	}
	if n < 25 {
		t.Errorf("only %d expressions were found", n)
	}
}

func TestDashboard_CanBeProvisionedAnywhere(t *testing.T) {
	t.Parallel()
	d, raw := load(t)
	if d.UID != "driftline-overview" || d.ID != nil {
		t.Errorf("uid %q and id %v, want driftline-overview and null", d.UID, d.ID)
	}
	if regexp.MustCompile(`https?://`).MatchString(raw) {
		t.Error("an absolute address stands in the dashboard")
	}
	ids := map[int]bool{}
	var cells [24][400]string
	rows := ""
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("%s: id %d stands twice", p.Title, p.ID)
		}
		ids[p.ID] = true
		if p.Type == "row" {
			rows += p.Title + ", "
		} else {
			if p.Datasource.UID != "${datasource}" || p.Description == "" || len(p.Targets) == 0 {
				t.Errorf("%s: datasource %q, description %q, %d targets", p.Title, p.Datasource.UID, p.Description, len(p.Targets))
			}
			for _, x := range p.Targets {
				if x.Datasource.UID != "${datasource}" {
					t.Errorf("%s: a target asks %q", p.Title, x.Datasource.UID)
				}
			}
		}
		g := p.GridPos
		if g.X < 0 || g.W < 1 || g.X+g.W > 24 || g.H < 1 || g.Y+g.H > 400 {
			t.Fatalf("%s lies outside the grid: %+v", p.Title, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if cells[x][y] != "" {
					t.Fatalf("%s lies over %s", p.Title, cells[x][y])
				}
				cells[x][y] = p.Title
			}
		}
	}
	if rows != "Fleet, Model $model, Stream, Retrains, " {
		t.Errorf("rows %q", rows)
	}
}
