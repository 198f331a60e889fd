package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// View chooses by lifecycle stage.
type View int

// Views; the zero value is ActiveOnly.
const (
	ActiveOnly View = iota
	DeletedOnly
	AllStages
)

// Search is the common part of all searches.
type Search struct {
	Filter  string
	OrderBy []string
	View    View   // experiments and runs only
	Max     int    // rows of a page; 0 = the search's default
	Token   string // of the page, "" = first
}

// Most rows of one page, and how many where the caller does not say.
const (
	maxRuns, defaultRuns               = 50_000, 1000
	maxExperiments, defaultExperiments = 50_000, 1000
	maxModels, defaultModels           = 1000, 100
	maxVersions, defaultVersions       = 200_000, 200_000
	maxLogged, defaultLogged           = 1000, 50
	maxExperimentIDs                   = 20_000
)

func (q Search) limit(fallback, most int) (int, error) {
	if q.Max < 0 || q.Max > most {
		return 0, fault(ErrInvalid, "Invalid value %d for parameter 'max_results' supplied: it must be between 1 and %d.", q.Max, most)
	}
	if q.Max == 0 {
		return fallback, nil
	}
	return q.Max, nil
}

func (q Search) binding(what string, more ...string) string {
	parts := append([]string{what, q.Filter, strconv.Itoa(int(q.View))}, q.OrderBy...)
	return tokenBinding(append(append(parts, ""), more...)...)
}

// stageTest appends the test of the view.
func (v View) stageTest(b *builder, column string) {
	switch v {
	case ActiveOnly:
		b.text(" AND " + column + " = 'active'")
	case DeletedOnly:
		b.text(" AND " + column + " = 'deleted'")
	}
}

var runGrammar = grammar{
	what: "run",
	entities: map[string]string{
		"metric": "metric", "metrics": "metric", "param": "param", "params": "param", "parameter": "param", "parameters": "param",
		"tag": "tag", "tags": "tag", "attribute": "attribute", "attributes": "attribute", "attr": "attribute", "run": "attribute",
		"dataset": "dataset", "datasets": "dataset",
	},
	attributes: map[string]field{
		"run_id": {expr: "r.run_id", kind: 't', in: true}, "run_name": {expr: "r.name", kind: 't'},
		"run name": {expr: "r.name", kind: 't'}, "Run name": {expr: "r.name", kind: 't'}, "Run Name": {expr: "r.name", kind: 't'},
		"user_id": {expr: "r.user_id", kind: 't'}, "status": {expr: "r.status", kind: 't'}, "artifact_uri": {expr: "r.artifact_uri", kind: 't'},
		"start_time": {expr: "r.start_time", kind: 'i'}, "Created": {expr: "r.start_time", kind: 'i'}, "created": {expr: "r.start_time", kind: 'i'},
		"end_time": {expr: "r.end_time", kind: 'i', nullable: true},
	},
	pairs: map[string]pairs{
		"metric": {from: "latest_metrics x WHERE x.run_id = r.run_id", key: "x.key", value: "x.value", isNaN: "x.is_nan", kind: 'n', order: true},
		"param":  {from: "run_params x WHERE x.run_id = r.run_id", key: "x.key", value: "x.value", kind: 't', order: true},
		"tag":    {from: "run_tags x WHERE x.run_id = r.run_id", key: "x.key", value: "x.value", kind: 't', order: true},
	},
	special: runSpecial,
}

// runSpecial answers datasets, and drops run ids that cannot be from an IN list.
func runSpecial(b *builder, d dialect, c clause) (string, bool, error) {
	if c.entity == "attribute" && c.key == "run_id" && c.value.kind == 'l' {
		c.value.list = slices.DeleteFunc(slices.Clone(c.value.list), func(id string) bool { return id != strings.ToLower(id) })
		if len(c.value.list) == 0 {
			return map[string]string{"IN": "1 = 0", "NOT IN": "1 = 1"}[c.op], true, nil
		}
		test, err := compare(b, d, "r.run_id", 't', true, c)
		return test, true, err
	}
	if c.entity != "dataset" {
		return "", false, nil
	}
	from := "run_inputs x JOIN datasets s ON s.dataset_id = x.dataset_id WHERE x.run_id = r.run_id"
	var expr string
	switch c.key {
	case "name", "digest":
		expr = "s." + c.key
	case "context":
		from, expr = "run_input_tags x WHERE x.run_id = r.run_id AND x.key = 'mlflow.data.context'", "x.value"
	default:
		return "", true, fault(ErrInvalid, "Invalid dataset attribute '%s'. Valid values are name, digest, context", cut(c.key, 100))
	}
	test, err := compare(b, d, expr, 't', true, c)
	return "EXISTS (SELECT 1 FROM " + from + " AND " + test + ")", true, err
}

// SearchRuns returns runs of the experiments with all their data, and the token of
// the next page ("" on the last). Without an order_by the newest come first.
func (t *Tx) SearchRuns(ctx context.Context, experimentIDs []string, q Search) ([]Run, string, error) {
	clauses, err := parseFilter(q.Filter)
	if err != nil {
		return nil, "", err
	}
	limit, err := q.limit(defaultRuns, maxRuns)
	if err != nil {
		return nil, "", err
	}
	bound := q.binding("runs", experimentIDs...)
	after, err := parseToken(q.Token, bound)
	if err != nil {
		return nil, "", err
	}
	var b builder
	b.text("SELECT " + runColumns + " FROM runs r WHERE r.experiment_id IN ")
	if err := experimentList(&b, experimentIDs); err != nil {
		return nil, "", err
	}
	q.View.stageTest(&b, "r.lifecycle_stage")
	if after.ID != "" {
		b.text(fmt.Sprintf(" AND r.start_time <= %[1]s AND (r.start_time < %[1]s OR r.run_id > %[2]s)", b.arg(after.TimeMS), b.arg(after.ID)))
	}
	if err := runGrammar.where(&b, t.d, clauses); err != nil {
		return nil, "", err
	}
	if err := runGrammar.orderBy(&b, q.OrderBy, "r.start_time DESC, r.run_id ASC"); err != nil {
		return nil, "", err
	}
	b.text(" LIMIT " + b.arg(limit+1) + " OFFSET " + b.arg(after.Offset))
	var out []Run
	if err := t.rows(ctx, b.sql(), b.args, scanRuns(&out)); err != nil {
		return nil, "", err
	}
	out, next := page(out, limit, after.Offset, bound)
	if next != "" && len(q.OrderBy) == 0 {
		// In the natural order the next page starts behind the last row: runs that are
		// created meanwhile move nothing, and no page costs more than the first.
		last := out[len(out)-1]
		next = pageToken{TimeMS: last.StartMS, ID: last.ID, Query: bound}.String()
	}
	return out, next, t.loadRuns(ctx, out)
}

// experimentList writes the IN list of the ids that are numbers; no id at all
// matches nothing.
func experimentList(b *builder, ids []string) error {
	if len(ids) > maxExperimentIDs {
		return fault(ErrInvalid, "Invalid value for parameter 'experiment_ids' supplied: at most %d ids per request.", maxExperimentIDs)
	}
	marks := []string{"-1"}
	for _, id := range ids {
		if n, err := strconv.ParseInt(id, 10, 64); err == nil {
			marks = append(marks, b.arg(n))
		}
	}
	b.text("(" + strings.Join(marks, ",") + ")")
	return nil
}

var experimentGrammar = grammar{
	what:     "experiment",
	entities: map[string]string{"attribute": "attribute", "attributes": "attribute", "attr": "attribute", "tag": "tag", "tags": "tag"},
	attributes: map[string]field{
		"name": {expr: "e.name", kind: 't'}, "creation_time": {expr: "e.creation_time", kind: 'i'}, "last_update_time": {expr: "e.last_update_time", kind: 'i'},
		"experiment_id": {expr: "e.experiment_id", kind: 'i', noFilter: true},
	},
	pairs: map[string]pairs{"tag": {from: "experiment_tags x WHERE x.experiment_id = e.experiment_id", key: "x.key", value: "x.value", kind: 't'}},
}

// SearchExperiments returns experiments with their tags, newest first unless
// order_by says otherwise.
func (t *Tx) SearchExperiments(ctx context.Context, q Search) ([]Experiment, string, error) {
	s := search{g: &experimentGrammar, columns: experimentColumns, from: "experiments e", what: "experiments", fallback: defaultExperiments, most: maxExperiments,
		natural: "e.creation_time DESC, e.experiment_id DESC", tie: "e.experiment_id DESC", stage: "e.lifecycle_stage"}
	var out []Experiment
	bound, limit, offset, err := s.run(ctx, t, q, scanExperiments(&out))
	if err != nil {
		return nil, "", err
	}
	out, next := page(out, limit, offset, bound)
	return out, next, t.loadExperimentTags(ctx, out)
}

// search is a search over one table without further parameters.
type search struct {
	g              *grammar
	columns, from  string
	what           string
	stage          string // column of the lifecycle stage, "" = none
	test           string // a fixed test, "" = none
	natural, tie   string // order without and after an order_by
	fallback, most int
	hidePrompts    string // FROM … WHERE of the owner's tags: rows tagged as prompts are left out
}

func (s search) run(ctx context.Context, t *Tx, q Search, scan func(scanner) error) (bound string, limit int, offset int64, err error) {
	clauses, err := parseFilter(q.Filter)
	if err != nil {
		return "", 0, 0, err
	}
	if limit, err = q.limit(s.fallback, s.most); err != nil {
		return "", 0, 0, err
	}
	bound = q.binding(s.what)
	if offset, err = readToken(q.Token, bound); err != nil {
		return "", 0, 0, err
	}
	var b builder
	b.text("SELECT " + s.columns + " FROM " + s.from + " WHERE 1 = 1")
	if s.stage != "" {
		q.View.stageTest(&b, s.stage)
	}
	b.text(s.test)
	if s.hidePrompts != "" {
		var prompts bool
		if clauses, prompts, err = cutPrompts(s.g, clauses); err != nil {
			return "", 0, 0, err
		}
		not := "NOT "
		if prompts {
			not = ""
		}
		b.text(" AND " + not + "EXISTS (SELECT 1 FROM " + s.hidePrompts + " AND x.key = 'mlflow.prompt.is_prompt' AND lower(x.value) = 'true')")
	}
	if err := s.g.where(&b, t.d, clauses); err != nil {
		return "", 0, 0, err
	}
	tail := s.natural
	if len(q.OrderBy) > 0 && s.tie != "" {
		tail = s.tie
	}
	if err := s.g.orderBy(&b, q.OrderBy, tail); err != nil {
		return "", 0, 0, err
	}
	b.text(" LIMIT " + b.arg(limit+1) + " OFFSET " + b.arg(offset))
	return bound, limit, offset, t.rows(ctx, b.sql(), b.args, scan)
}

// cutPrompts takes clauses on the prompt tag out of a filter and says whether they
// ask for prompts (= 'true', != 'false'); what lacks the tag is no prompt.
func cutPrompts(g *grammar, clauses []clause) (rest []clause, prompts bool, err error) {
	for _, c := range clauses {
		entity, err := g.entity(c.entity)
		if err != nil {
			return nil, false, err
		}
		if entity != "tag" || c.key != "mlflow.prompt.is_prompt" || c.op != "=" && c.op != "!=" {
			rest = append(rest, c)
			continue
		}
		prompts = c.op == "=" && strings.EqualFold(c.value.text, "true") || c.op == "!=" && strings.EqualFold(c.value.text, "false")
	}
	return rest, prompts, nil
}
