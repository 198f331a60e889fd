package mlflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/driftline/driftline/registry/store"
)

// call is one JSON request inside its transaction. The readers below keep the
// first error in err and go on with zero values; a route returns what it has, the
// server looks at err first.
type call struct {
	*store.Tx
	s      *server
	ctx    context.Context // of the request, with the time limit and the actor
	r      *http.Request
	fields fields
	err    error
}

func (c *call) keep(err error) {
	if c.err == nil {
		c.err = err
	}
}

// has tells whether a field was sent, null counting as absent.
func (c *call) has(name string) bool {
	v, ok := c.fields[name]
	return ok && v != nil
}

// need demands fields: present and not "".
func (c *call) need(names ...string) {
	for _, n := range names {
		v := c.fields[n]
		if q, ok := v.(queryValue); ok && len(q) > 0 {
			v = q[0]
		}
		if v == nil || v == "" || emptyList(v) {
			c.keep(missing(n))
		}
	}
}

func emptyList(v any) bool {
	l, ok := v.([]any)
	return ok && len(l) == 0
}

func missing(name string) error {
	return invalid("Missing value for required parameter '" + name + "'." + docsHint)
}

// wrong says that a value has the wrong type, and shows it.
func wrong(name string, v any, want string) error {
	if q, ok := v.(queryValue); ok && len(q) == 1 {
		v = q[0]
	}
	raw, err := json.Marshal(v)
	if err != nil {
		raw = []byte("(not JSON)")
	}
	text := []rune(string(raw))
	if len(text) > valueText {
		text = append(text[:valueText], '…')
	}
	return invalid(fmt.Sprintf("Invalid value %s for parameter '%s' supplied: expected %s.%s", string(text), name, want, docsHint))
}

// text reads a string field. Experiment ids may come as numbers.
func (c *call) text(name string) string {
	v, ok := textOf(c.fields[name], strings.HasPrefix(name, "experiment_id"))
	if !ok {
		c.keep(wrong(name, c.fields[name], "a string"))
	}
	return v
}

func textOf(v any, numbers bool) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case queryValue:
		if len(v) == 0 {
			return "", true
		}
		return v[len(v)-1], true
	case json.Number:
		return v.String(), numbers
	}
	return "", false
}

// runID reads run_id, or the older run_uuid.
func (c *call) runID() string {
	if !c.has("run_id") && c.has("run_uuid") {
		return c.text("run_uuid")
	}
	c.need("run_id")
	return c.text("run_id")
}

// integer reads an int64 field: a number or a numeric string.
func (c *call) integer(name string) int64 {
	n, ok := integerOf(c.fields[name])
	if !ok {
		c.keep(wrong(name, c.fields[name], "an integer"))
	}
	return n
}

func integerOf(v any) (int64, bool) {
	var s string
	switch v := v.(type) {
	case nil:
		return 0, true
	case json.Number:
		s = v.String()
	case string:
		s = v
	case queryValue:
		s, _ = textOf(v, true)
	default:
		return 0, false
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, true
	}
	// 12.0 and 1e3 are integers too, as long as a float64 holds them exactly.
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(f), true
}

// doubleOf reads a number, a numeric string, or NaN, Infinity, -Infinity.
func doubleOf(v any) (float64, bool) {
	var s string
	switch v := v.(type) {
	case json.Number:
		s = v.String()
	case string:
		s = v
	default:
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}

// flag reads a boolean; in a query true or false in any case.
func (c *call) flag(name string) bool {
	switch v := c.fields[name].(type) {
	case nil:
		return false
	case bool:
		return v
	case queryValue, string:
		s, _ := textOf(v, false)
		switch strings.ToLower(s) {
		case "true":
			return true
		case "false":
			return false
		}
	}
	c.keep(wrong(name, c.fields[name], "true or false"))
	return false
}

// enum reads a name or a number; absent = "".
func (c *call) enum(name string, values map[int64]string) string {
	v := c.fields[name]
	if v == nil {
		return ""
	}
	if s, ok := textOf(v, false); ok {
		for _, known := range values {
			if known == s {
				return s
			}
		}
	}
	if n, ok := integerOf(v); ok && values[n] != "" {
		return values[n]
	}
	c.keep(wrong(name, v, "one of the known names"))
	return ""
}

// limit reads max_results; 0 = absent.
func (c *call) limit() int {
	n := c.integer("max_results")
	if c.has("max_results") && (n < 1 || n > 1<<30) {
		c.keep(wrong("max_results", c.fields["max_results"], "a positive integer"))
		return 0
	}
	return int(n)
}

// texts reads a list of strings; ids may be numbers.
func (c *call) texts(name string) []string {
	switch v := c.fields[name].(type) {
	case nil:
		return nil
	case queryValue:
		return v
	case []any:
		out := make([]string, 0, len(v))
		for _, item := range v {
			s, ok := textOf(item, strings.HasPrefix(name, "experiment_id"))
			if !ok || item == nil {
				c.keep(wrong(name, v, "a list of strings"))
				return nil
			}
			out = append(out, s)
		}
		return out
	}
	c.keep(wrong(name, c.fields[name], "a list of strings"))
	return nil
}

// objects reads a list of objects, each as a call of its own whose names are
// written "name[3].field" in errors.
func (c *call) objects(name string, each func(in *call)) {
	v := c.fields[name]
	if v == nil {
		return
	}
	list, ok := v.([]any)
	if !ok {
		c.keep(wrong(name, v, "a list of objects"))
		return
	}
	for i, item := range list {
		obj, ok := item.(map[string]any)
		if !ok {
			c.keep(wrong(fmt.Sprintf("%s[%d]", name, i), item, "an object"))
			return
		}
		in := &call{Tx: c.Tx, s: c.s, ctx: c.ctx, r: c.r, fields: obj}
		each(in)
		if in.err != nil {
			c.keep(inside(fmt.Sprintf("%s[%d].", name, i), in.err))
			return
		}
	}
}

// inside puts the path of the list entry before the parameter's name.
func inside(path string, err error) error {
	var e *apiError
	if !errors.As(err, &e) {
		return err
	}
	text := strings.Replace(e.text, "parameter '", "parameter '"+path, 1)
	return &apiError{e.status, e.code, text}
}

// tags reads a list of {key, value}.
func (c *call) tags(name string) []store.Tag {
	var out []store.Tag
	c.objects(name, func(in *call) {
		in.need("key")
		out = append(out, store.Tag{Key: in.text("key"), Value: in.text("value")})
	})
	return out
}

// metric reads one metric's fields.
func (c *call) metric() store.Metric {
	c.need("key", "value", "timestamp")
	m := store.Metric{
		Key: c.text("key"), TimeMS: c.integer("timestamp"), Step: c.integer("step"),
		ModelID: c.text("model_id"), DatasetName: c.text("dataset_name"), DatasetDigest: c.text("dataset_digest"),
	}
	v, ok := doubleOf(c.fields["value"])
	if !ok {
		c.keep(wrong("value", c.fields["value"], "a number"))
	}
	m.Value = v
	return m
}

// search reads the fields that all searches share.
func (c *call) search() store.Search {
	return store.Search{Filter: c.text("filter"), OrderBy: c.texts("order_by"), Max: c.limit(), Token: c.text("page_token")}
}

var viewTypes = map[int64]string{1: "ACTIVE_ONLY", 2: "DELETED_ONLY", 3: "ALL"}

func (c *call) view(name string) store.View {
	switch c.enum(name, viewTypes) {
	case "DELETED_ONLY":
		return store.DeletedOnly
	case "ALL":
		return store.AllStages
	}
	return store.ActiveOnly
}

// paged is a list answer with its token.
func paged(name string, items []any, token string) object {
	return object{}.list(name, items).set("next_page_token", token)
}

var empty = object{}
