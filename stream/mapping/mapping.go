package mapping

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping/avro"
)

// The formats.
const (
	Native      = "native"      // one event of Driftline's own per record
	Flat        = "flat"        // one JSON object per row, or an array of them
	CloudEvents = "cloudevents" // 1.0 or 0.3, structured or binary, around native or flat data
	KServe      = "kserve"      // CloudEvents of KServe's logger (and MLServer's), V1 or V2 bodies
	Seldon2     = "seldon2"     // topics of Seldon Core 2: V2 as protobuf (or JSON)
	V2          = "v2"          // Open Inference requests and responses as JSON
	Avro        = "avro"        // with the framing of a schema registry, or of one schema from a file
	Packed      = "packed"      // driftline.v1.Event, see package packed
)

// Formats lists them in the order of the documentation.
func Formats() []string {
	return []string{Native, Flat, CloudEvents, KServe, Seldon2, V2, Avro, Packed}
}

// Units of times; "" reads RFC 3339 text and epoch milliseconds.
var units = []string{"", "rfc3339", "s", "ms", "us", "ns"}

// Mapping says how records of one topic become events. What is left out is the default
// of the format. A source is a path with dots, "=constant", "@key", "@header.NAME" or
// "@ce.ATTRIBUTE"; several, separated by |, are tried in order.
type Mapping struct {
	Format string

	Type, Model, Version, ID, Time string
	TimeUnit                       string
	Score, Prediction, Label       string

	Rows           string   // path of an array, each item a row; "." is the payload itself
	Features       string   // path of the object or array of features
	FeaturesPrefix string   // members with this prefix are features, named without it
	FeatureNames   []string // of features by position; of an object: only these, in this order
	Drop           []string // members that are no features
	Segments       []string // paths of segments, or of an object of them
	NumericStrings bool     // text such as "12.5" is a number, as feature and score
}

// Config is what a reader needs.
type Config struct {
	Mapping
	Topic   string       // the one it reads: Seldon's names say which model it is
	Limits  event.Limits // zero: defaults
	Schemas avro.Schemas // of a registry; nil: none
	Schema  *avro.Schema // of records without framing; nil: all are framed
}

// Fault is one thing wrong with a mapping; Key is the field as the configuration names it.
type Fault struct{ Key, Text string }

// Error gives "key: text".
func (f *Fault) Error() string { return f.Key + ": " + f.Text }

// seldonTopic is how Seldon Core 2 names the topics of models and pipelines.
var seldonTopic = regexp.MustCompile(`^[^.]+\.[^.]+\.(?:model|pipeline)\.([^.]+)\.(inputs|outputs)$`)

// Validate returns every fault.
func (m Mapping) Validate(topic string) (faults []*Fault) {
	bad := func(key, format string, args ...any) {
		faults = append(faults, &Fault{key, fmt.Sprintf(format, args...)})
	}
	if m.Format != "" && !slices.Contains(Formats(), m.Format) {
		bad("format", "%q; want one of %s", m.Format, strings.Join(Formats(), ", "))
		return faults
	}
	if (m.Format == "" || m.Format == Native) && !m.plain() {
		bad("mapping", "is set, but native events need none; set format to %s to map JSON", Flat)
	}
	for _, s := range m.sources() {
		if _, err := compile(s.text); err != nil {
			bad("mapping."+s.key, "%v", err)
		}
	}
	if !slices.Contains(units, m.TimeUnit) {
		bad("mapping.time_unit", "%q; want %s", m.TimeUnit, strings.Join(units[1:], ", "))
	}
	if c := constant(m.Type); c != "" && event.ParseType(c) == 0 {
		bad("mapping.type", "%q; want =feature, =prediction, =label or =tick", m.Type)
	}
	if m.Features != "" && m.FeaturesPrefix != "" {
		bad("mapping.features_prefix", "%q beside features %q; want one of them", m.FeaturesPrefix, m.Features)
	}
	if m.Features != "" && strings.ContainsAny(m.Features[:1], "@=") {
		bad("mapping.features", "%q; want a path", m.Features)
	}
	seen := map[string]bool{}
	for i, n := range m.FeatureNames {
		key := fmt.Sprintf("mapping.feature_names[%d]", i)
		if r := event.CheckName(event.DefaultLimits(), "name", n, 0); r != nil || n == "" {
			bad(key, "%q; want a printable name", n)
		}
		if seen[n] {
			bad(key, "%q stands twice", n)
		}
		seen[n] = true
	}
	switch m.Format {
	case Packed:
		if len(m.FeatureNames) == 0 {
			bad("mapping.feature_names", "empty; format packed needs the names of the features in their order")
		}
		only := Mapping{Format: m.Format, FeatureNames: m.FeatureNames, Model: m.Model}
		if !only.equal(m) || m.Model != "" && constant(m.Model) == "" {
			bad("mapping", "format packed takes feature_names and a constant model (=NAME) only")
		}
	case Seldon2:
		if !seldonTopic.MatchString(topic) && constant(m.Type) == "" {
			bad("mapping.type", "empty, and topic %s is not named as Seldon Core 2 does (seldon.NAMESPACE.model.NAME.inputs); set =feature for requests, =prediction for responses", topic)
		}
	}
	return faults
}

type named struct{ key, text string }

func (m Mapping) sources() []named {
	out := []named{
		{"type", m.Type}, {"model", m.Model}, {"version", m.Version}, {"id", m.ID}, {"time", m.Time},
		{"score", m.Score}, {"prediction", m.Prediction}, {"label", m.Label},
	}
	for i, s := range m.Segments {
		out = append(out, named{fmt.Sprintf("segments[%d]", i), s})
	}
	return out
}

// plain says that nothing but the format is set.
func (m Mapping) plain() bool { return Mapping{Format: m.Format}.equal(m) }

func (m Mapping) equal(o Mapping) bool {
	return m.Format == o.Format && m.Type == o.Type && m.Model == o.Model && m.Version == o.Version && m.ID == o.ID &&
		m.Time == o.Time && m.TimeUnit == o.TimeUnit && m.Score == o.Score && m.Prediction == o.Prediction && m.Label == o.Label &&
		m.Rows == o.Rows && m.Features == o.Features && m.FeaturesPrefix == o.FeaturesPrefix && slices.Equal(m.FeatureNames, o.FeatureNames) &&
		slices.Equal(m.Drop, o.Drop) && slices.Equal(m.Segments, o.Segments) && m.NumericStrings == o.NumericStrings
}

// defaults fills in what the format brings.
func (m Mapping) defaults(topic string) Mapping {
	or := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	switch m.Format {
	case Flat, Avro, CloudEvents:
		or(&m.Type, "type")
		or(&m.Model, "model")
		or(&m.Version, "version")
		id, time := "id", "ts"
		if m.Format == CloudEvents {
			id, time = "id|@ce.id", "ts|@ce.time"
		}
		or(&m.ID, id)
		or(&m.Time, time)
		or(&m.Score, "score")
		or(&m.Prediction, "prediction")
		or(&m.Label, "label")
		if m.Segments == nil {
			m.Segments = []string{"segments"}
		}
	case KServe:
		or(&m.Model, "@ce.inferenceservicename|@ce.modelid|model_name")
		or(&m.Version, "model_version")
		or(&m.ID, "@ce.requestid|@ce.id")
		or(&m.Time, "@ce.time")
	case Seldon2:
		if found := seldonTopic.FindStringSubmatch(topic); found != nil {
			or(&m.Model, "="+found[1])
			or(&m.Type, map[string]string{"inputs": "=feature", "outputs": "=prediction"}[found[2]])
		}
		or(&m.Model, "model_name")
		or(&m.Version, "model_version")
		or(&m.ID, "@key|@header.x-request-id|id")
	case V2:
		or(&m.Model, "model_name")
		or(&m.Version, "model_version")
		or(&m.ID, "id|@key")
	}
	return m
}

// inference says that payloads are requests and responses of an inference server.
func (m Mapping) inference() bool { return m.Format == KServe || m.Format == Seldon2 || m.Format == V2 }
