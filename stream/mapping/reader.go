package mapping

import (
	"errors"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping/avro"
	"github.com/driftline/driftline/stream/mapping/packed"
	"github.com/driftline/driftline/stream/mapping/tree"
	v2 "github.com/driftline/driftline/stream/mapping/v2"
)

// reader maps records of one topic.
type reader struct {
	m       Mapping
	limits  event.Limits
	schemas avro.Schemas
	schema  *avro.Schema

	typ, model, version, id, when source
	scored, predicted, labelled   source
	segments                      []source
	used                          map[string]bool // paths that are fields, so no features
	dropped                       map[string]bool
	shape                         *event.Shape // of FeatureNames

	rec    record
	v2     v2.Decoder
	rows   []event.Event
	flat   []position
	fit    map[*avro.Schema]*fit
	slow   bool // tests only: always by the tree
	seen   map[string]struct{}
	unique bool // names of features cannot repeat, so seen is not needed
}

// New returns the reader of a topic. Mapping.Validate tells faults better; New only makes
// sure that nothing wrong is run.
func New(cfg Config) (event.Reader, error) {
	var faults []error
	for _, f := range cfg.Validate(cfg.Topic) {
		faults = append(faults, f)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	limits := cfg.Limits.OrDefaults()
	switch cfg.Format {
	case "", Native:
		return event.NewDecoder(cfg.Limits), nil
	case Packed:
		return packed.New(packed.Config{Order: cfg.FeatureNames, Model: constant(cfg.Model), Limits: cfg.Limits}), nil
	}
	r := &reader{m: cfg.defaults(cfg.Topic), limits: limits, schemas: cfg.Schemas, schema: cfg.Schema, used: map[string]bool{}, dropped: map[string]bool{}, seen: map[string]struct{}{}}
	for _, f := range []struct {
		into *source
		text string
	}{
		{&r.typ, r.m.Type}, {&r.model, r.m.Model}, {&r.version, r.m.Version}, {&r.id, r.m.ID}, {&r.when, r.m.Time},
		{&r.scored, r.m.Score}, {&r.predicted, r.m.Prediction}, {&r.labelled, r.m.Label},
	} {
		s, err := compile(f.text)
		if err != nil {
			return nil, err
		}
		*f.into = s
		r.use(s)
	}
	for _, text := range r.m.Segments {
		s, err := compile(text)
		if err != nil {
			return nil, err
		}
		r.segments = append(r.segments, s)
		r.use(s)
	}
	for _, name := range r.m.Drop {
		r.dropped[name] = true
	}
	r.rec.payloadFirst = r.m.inference() // columns of a tensor are called as the model likes
	if len(r.m.FeatureNames) > 0 {
		r.shape = &event.Shape{Names: r.m.FeatureNames}
	}
	return r, nil
}

func (r *reader) use(s source) {
	for _, p := range s.paths() {
		r.used[p] = true
	}
}

// Read implements event.Reader.
func (r *reader) Read(raw *event.Raw) ([]event.Event, error) {
	r.rec.raw, r.rec.root, r.rec.attrs = raw, tree.None, r.rec.attrs[:0]
	r.rec.tree.Reset()
	rows, bad := r.read(raw)
	if bad != nil {
		bad.At = min(bad.At, len(raw.Value)) // data inside an envelope counts from its own beginning
		return nil, bad
	}
	return rows, nil
}

func (r *reader) read(raw *event.Raw) ([]event.Event, *event.Reason) {
	if len(raw.Value) > r.limits.Bytes {
		return nil, event.Dead(event.CodeTooLarge, r.limits.Bytes, "%d bytes, at most %d are read", len(raw.Value), r.limits.Bytes)
	}
	if len(raw.Value) == 0 && r.m.Format != CloudEvents && r.m.Format != KServe {
		return nil, event.Dead(event.CodeEmpty, 0, "nothing in the record")
	}
	data := raw.Value
	if r.m.Format == CloudEvents || r.m.Format == KServe {
		inner, inTree, bad := r.envelope(raw)
		if bad != nil {
			return nil, bad
		}
		if inTree {
			return r.payload()
		}
		data = inner
	}
	return r.decode(raw, data)
}

// decode reads the bytes of a payload into the tree.
func (r *reader) decode(raw *event.Raw, data []byte) ([]event.Event, *event.Reason) {
	rec := &r.rec
	switch r.m.Format {
	case Avro:
		rows, f, bad := r.avro(data)
		if bad != nil && f != nil && len(f.missing) > 0 && (bad.Code == event.CodeNoType || bad.Code == event.CodeNoContent) {
			bad = f.reason() // it says nothing because it is of another model
		}
		return rows, bad
	case Seldon2:
		if text, found := header(raw.Headers, "seldon-pipeline-errors"); found && text != "" {
			return nil, event.Dead(event.CodeServedError, 0, "the pipeline reports an error of %s", event.Quote(text))
		}
		if !looksJSON(data) {
			request := constant(r.m.Type) == event.TypeFeature.String()
			root, bad := r.v2.Proto(data, request, &rec.tree)
			if bad != nil {
				return nil, bad
			}
			rec.root = root
			return r.events(inferred{served: true, v2: true, request: request, rows: rec.tree.Member(root, v2.Rows)})
		}
	}
	// Data out of an envelope may stand beside what the tree holds of it.
	root := tree.Ref(rec.tree.Size())
	if bad := rec.tree.JSON(data); bad != nil {
		return nil, bad
	}
	rec.root = root
	return r.payload()
}

// payload makes events of what the tree holds from rec.root on.
func (r *reader) payload() ([]event.Event, *event.Reason) {
	if r.m.inference() {
		what, bad := r.inference()
		if bad != nil {
			return nil, bad
		}
		return r.events(what)
	}
	what := inferred{rows: tree.None}
	if r.m.Rows != "" {
		what.rows = find(&r.rec.tree, r.rec.root, r.m.Rows)
	} else if r.rec.tree.At(r.rec.root).Kind == tree.List {
		what.rows = r.rec.root // an array of rows needs no word
	}
	return r.events(what)
}

// avro reads a record by the schema that its frame names, or by the configured one.
func (r *reader) avro(data []byte) ([]event.Event, *fit, *event.Reason) {
	schema, body := r.schema, 0
	if schema == nil {
		id, at, bad := avro.Unframe(data)
		if bad != nil {
			return nil, nil, bad
		}
		body = at
		var known bool
		if r.schemas != nil {
			schema, known = r.schemas.Schema(id)
		}
		if !known {
			return nil, nil, event.Dead(event.CodeUnknownSchema, 1, "schema %d is not in the registry", id)
		}
	}
	f, bad := r.fits(schema)
	if bad != nil {
		return nil, f, bad
	}
	if f.fast != nil {
		rows, bad := f.fast.read(r, data, body)
		return rows, f, bad
	}
	if bad := schema.Decode(data, body, &r.rec.tree); bad != nil {
		return nil, f, bad
	}
	r.rec.root = r.rec.tree.Root()
	rows, bad := r.payload()
	return rows, f, bad
}
