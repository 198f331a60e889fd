package mapping

import (
	"strings"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping/avro"
)

// fit is what a schema has of the configured features, and how its records are read.
type fit struct {
	has     int
	missing []string
	fast    *fast // nil: by the tree
}

// maxFits bounds how many schemas of one topic are remembered.
const maxFits = 1000

// fits holds a schema against the configured names of features. A schema that has some
// of them and not others was made for another set of features; one that has none may be
// that of predictions or labels.
func (r *reader) fits(s *avro.Schema) (*fit, *event.Reason) {
	f := r.fit[s]
	if f == nil {
		f = &fit{}
		prefix := r.m.FeaturesPrefix
		switch {
		case r.m.Features != "":
			prefix = r.m.Features + "."
		case prefix == "" && s.Has("features") && !r.used["features"]:
			prefix = "features."
		}
		for _, name := range r.m.FeatureNames {
			if s.Has(prefix + name) {
				f.has++
			} else {
				f.missing = append(f.missing, name)
			}
		}
		if (f.has == 0 || len(f.missing) == 0) && !r.slow {
			f.fast = r.compileFast(s)
		}
		if len(r.fit) >= maxFits || r.fit == nil {
			r.fit = map[*avro.Schema]*fit{}
		}
		r.fit[s] = f
	}
	if f.has > 0 && len(f.missing) > 0 {
		return f, f.reason()
	}
	return f, nil
}

func (f *fit) reason() *event.Reason {
	const shown = 3
	names := strings.Join(f.missing[:min(shown, len(f.missing))], ", ")
	if len(f.missing) > shown {
		names += ", …"
	}
	return event.Dead(event.CodeWrongSchema, 0, "the schema lacks %d of the %d configured features: %s", len(f.missing), f.has+len(f.missing), event.Quote(names))
}
