package web

import (
	"fmt"
	"strings"
)

// checkText says what a data-quality check found beside the values of features.
func checkText(d *eventData) string {
	number := func(key string) (float64, bool) { x, ok := d.Detail[key].(float64); return x, ok }
	switch d.Check {
	case "volume":
		out := d.Rule
		rows, ok := number("rows")
		expected, known := number("expected")
		if ok && known {
			out += fmt.Sprintf(": %s, where the same hours of %s weeks held %s on average", groupText(int64(rows)), short(numberOr(d, "weeks")), groupText(int64(expected)))
		}
		if least, ok := number("least"); ok {
			out += fmt.Sprintf(", %s to %s", groupText(int64(least)), groupText(int64(numberOr(d, "most"))))
		}
		return out
	case "freshness":
		out := d.Rule
		if last, ok := number("last_ms"); ok {
			out += ": the last ones came up to " + momentText(int64(last)) + " UTC"
		}
		if due, ok := number("due_ms"); ok {
			out += ", and more were due by " + momentText(int64(due)) + " UTC"
		}
		if source, ok := d.Detail["source"].(string); ok {
			out += ", by " + map[string]string{"expect_every": "expect_every of the model", "calendar": "the model's calendar", "learnt": "what the last weeks brought"}[source]
		}
		return out
	case "schema":
		var parts []string
		for _, x := range []struct{ key, text string }{{"absent", "in no row"}, {"type_changed", "of another type than the reference's"}} {
			if names := nameList(d.Detail[x.key]); len(names) > 0 {
				parts = append(parts, strings.Join(names, ", ")+" "+x.text)
			}
		}
		if len(parts) > 0 {
			return strings.Join(parts, "; ")
		}
	}
	return d.Rule
}

func numberOr(d *eventData, key string) float64 {
	x, _ := d.Detail[key].(float64)
	return x
}

// nameList reads a list of names out of an event, at most eight of them.
func nameList(v any) (out []string) {
	list, _ := v.([]any)
	for i, x := range list {
		if i == 8 {
			return append(out, fmt.Sprintf("%d more", len(list)-i))
		}
		if s, ok := x.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
