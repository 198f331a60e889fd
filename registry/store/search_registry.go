package store

import (
	"context"
	"slices"
	"strconv"
	"strings"
)

var modelGrammar = grammar{
	what:     "registered model",
	entities: map[string]string{"attribute": "attribute", "attributes": "attribute", "tag": "tag", "tags": "tag"},
	attributes: map[string]field{
		"name":      {expr: "m.name", kind: 't'},
		"timestamp": {expr: "m.updated_ms", kind: 'i', noFilter: true}, "last_updated_timestamp": {expr: "m.updated_ms", kind: 'i', noFilter: true},
	},
	pairs: map[string]pairs{"tag": {from: "registered_model_tags x WHERE x.name = m.name", key: "x.key", value: "x.value", kind: 't'}},
}

// SearchModels returns registered models, by name unless order_by says otherwise.
// Prompts are left out unless the filter asks for them.
func (t *Tx) SearchModels(ctx context.Context, q Search) ([]RegisteredModel, string, error) {
	s := search{g: &modelGrammar, columns: modelColumns, from: "registered_models m", what: "models", fallback: defaultModels, most: maxModels,
		natural: "m.name ASC", hidePrompts: "registered_model_tags x WHERE x.name = m.name"}
	var out []RegisteredModel
	bound, limit, offset, err := s.run(ctx, t, q, scanModels(&out))
	if err != nil {
		return nil, "", err
	}
	out, next := page(out, limit, offset, bound)
	return out, next, t.loadModels(ctx, out)
}

var versionGrammar = grammar{
	what:     "model version",
	entities: map[string]string{"attribute": "attribute", "attributes": "attribute", "tag": "tag", "tags": "tag"},
	attributes: map[string]field{
		"name": {expr: "v.name", kind: 't'}, "source_path": {expr: "v.source", kind: 't', noOrder: true}, "run_id": {expr: "v.run_id", kind: 't', in: true, noOrder: true},
		"version_number":     {expr: "v.version", kind: 'i'},
		"creation_timestamp": {expr: "v.created_ms", kind: 'i', noFilter: true}, "last_updated_timestamp": {expr: "v.updated_ms", kind: 'i', noFilter: true},
	},
	pairs: map[string]pairs{"tag": {from: "model_version_tags x WHERE x.name = v.name AND x.version = v.version", key: "x.key", value: "x.value", kind: 't'}},
}

// SearchVersions returns versions, the last changed first unless order_by says
// otherwise. Deleted ones never show, prompts only if the filter asks for them.
func (t *Tx) SearchVersions(ctx context.Context, q Search) ([]ModelVersion, string, error) {
	s := search{g: &versionGrammar, columns: versionColumns, from: "model_versions v", what: "versions", fallback: defaultVersions, most: maxVersions,
		test: " AND v.stage <> 'Deleted_Internal'", natural: "v.updated_ms DESC, v.name ASC, v.version DESC",
		hidePrompts: "model_version_tags x WHERE x.name = v.name AND x.version = v.version"}
	var out []ModelVersion
	bound, limit, offset, err := s.run(ctx, t, q, scanVersions(&out))
	if err != nil {
		return nil, "", err
	}
	out, next := page(out, limit, offset, bound)
	return out, next, t.loadVersions(ctx, out)
}

// DatasetFilter narrows a search of logged models to a dataset.
type DatasetFilter struct {
	Name   string
	Digest string // "" = any
}

// LoggedOrder is one key of the order of logged models.
type LoggedOrder struct {
	Field         string // an attribute, or "metrics.<key>"
	Desc          bool
	DatasetName   string
	DatasetDigest string
}

// LoggedSearch is what SearchLoggedModels needs; OrderBy of Search is not used.
type LoggedSearch struct {
	Search
	ExperimentIDs []string
	Datasets      []DatasetFilter
	Order         []LoggedOrder
}

func loggedGrammar(metrics string) *grammar {
	created, updated := field{expr: "l.created_ms", kind: 'i'}, field{expr: "l.updated_ms", kind: 'i'}
	text := func(column string) field { return field{expr: "l." + column, kind: 't', in: true} }
	return &grammar{
		what:     "logged model",
		entities: map[string]string{"metrics": "metric", "params": "param", "tags": "tag", "attributes": "attribute"},
		attributes: map[string]field{
			"name": text("name"), "model_id": text("model_id"), "model_type": text("model_type"), "source_run_id": text("source_run_id"),
			// Clients speak of READY; the table holds LOGGED_MODEL_READY.
			"status":             {expr: "REPLACE(REPLACE(l.status, 'LOGGED_MODEL_', ''), 'UPLOAD_', '')", kind: 't', in: true},
			"creation_timestamp": created, "creation_time": created, "last_updated_timestamp": updated, "last_updated_time": updated,
		},
		pairs: map[string]pairs{
			"metric": {from: metrics, key: "x.key", value: "x.value", kind: 'n'},
			"param":  {from: "logged_model_params x WHERE x.model_id = l.model_id", key: "x.key", value: "x.value", kind: 't', in: true},
			"tag":    {from: "logged_model_tags x WHERE x.model_id = l.model_id", key: "x.key", value: "x.value", kind: 't', in: true},
		},
	}
}

// SearchLoggedModels returns logged models of the experiments, newest first unless
// Order says otherwise. With datasets, metric clauses look at those datasets only;
// without metric clauses a model must have some metric on them.
func (t *Tx) SearchLoggedModels(ctx context.Context, q LoggedSearch) ([]LoggedModel, string, error) {
	if len(q.OrderBy) > 0 {
		return nil, "", fault(ErrInvalid, "Invalid order_by: logged models are ordered by objects with field_name.")
	}
	binding := slices.Clone(q.ExperimentIDs)
	for _, d := range q.Datasets {
		if d.Name == "" {
			return nil, "", fault(ErrInvalid, "Missing value for required parameter 'datasets.dataset_name'.")
		}
		binding = append(binding, "dataset", d.Name, d.Digest)
	}
	for _, o := range q.Order {
		binding = append(binding, "order", o.Field, strconv.FormatBool(o.Desc), o.DatasetName, o.DatasetDigest)
	}
	clauses, err := parseFilter(q.Filter)
	if err != nil {
		return nil, "", err
	}
	limit, err := q.limit(defaultLogged, maxLogged)
	if err != nil {
		return nil, "", err
	}
	bound := q.binding("logged", binding...)
	offset, err := readToken(q.Token, bound)
	if err != nil {
		return nil, "", err
	}
	var b builder
	b.text("SELECT " + loggedModelColumns + " FROM logged_models l WHERE l.lifecycle_stage = 'active' AND l.experiment_id IN ")
	if err := experimentList(&b, q.ExperimentIDs); err != nil {
		return nil, "", err
	}
	metrics := "logged_model_metrics x WHERE x.model_id = l.model_id"
	if len(q.Datasets) > 0 {
		metrics += " AND " + datasetTest(&b, q.Datasets)
		if !slices.ContainsFunc(clauses, func(c clause) bool { return c.entity == "metrics" }) {
			b.text(" AND EXISTS (SELECT 1 FROM " + metrics + ")")
		}
	}
	g := loggedGrammar(metrics)
	if err := g.where(&b, t.d, clauses); err != nil {
		return nil, "", err
	}
	if err := loggedOrder(&b, g, q.Order); err != nil {
		return nil, "", err
	}
	b.text(" LIMIT " + b.arg(limit+1) + " OFFSET " + b.arg(offset))
	var out []LoggedModel
	if err := t.rows(ctx, b.sql(), b.args, scanLoggedModels(&out)); err != nil {
		return nil, "", err
	}
	out, next := page(out, limit, offset, bound)
	return out, next, t.loadLoggedModels(ctx, out)
}

// datasetTest binds the datasets and tests row x of logged_model_metrics for them.
func datasetTest(b *builder, datasets []DatasetFilter) string {
	var tests []string
	for _, d := range datasets {
		test := "x.dataset_name = " + b.arg(d.Name)
		if d.Digest != "" {
			test += " AND x.dataset_digest = " + b.arg(d.Digest)
		}
		tests = append(tests, "("+test+")")
	}
	return "(" + strings.Join(tests, " OR ") + ")"
}

// loggedOrder appends the order of logged models; a metric counts with its latest
// value on the dataset.
func loggedOrder(b *builder, g *grammar, orders []LoggedOrder) error {
	if len(orders) > maxOrder {
		return fault(ErrInvalid, "Invalid order_by: more than %d entries.", maxOrder)
	}
	var out []string
	for _, o := range orders {
		direction := " ASC"
		if o.Desc {
			direction = " DESC"
		}
		key, isMetric := strings.CutPrefix(o.Field, "metrics.")
		switch {
		case o.DatasetDigest != "" && o.DatasetName == "":
			return fault(ErrInvalid, "Invalid order_by: dataset_digest needs dataset_name.")
		case isMetric:
			from := "FROM logged_model_metrics y WHERE y.model_id = l.model_id AND y.key = " + b.arg(key)
			if o.DatasetName != "" {
				from += " AND y.dataset_name = " + b.arg(o.DatasetName)
			}
			if o.DatasetDigest != "" {
				from += " AND y.dataset_digest = " + b.arg(o.DatasetDigest)
			}
			from += " ORDER BY y.step DESC, y.timestamp DESC, y.value DESC LIMIT 1"
			out = append(out, "COALESCE((SELECT y.is_nan "+from+"), 2) ASC", "(SELECT y.value "+from+")"+direction)
		default:
			f, ok := g.attributes[strings.TrimPrefix(o.Field, "attributes.")]
			if !ok {
				return g.badAttribute(o.Field, func(field) bool { return true })
			}
			out = append(out, f.expr+direction)
		}
	}
	b.text(" ORDER BY " + strings.Join(append(out, "l.created_ms DESC", "l.model_id ASC"), ", "))
	return nil
}
