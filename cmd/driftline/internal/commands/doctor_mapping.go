package commands

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/stream/event"
)

// doctorSample is how many of a topic's newest records are looked at.
const doctorSample = 300

// registry checks that the schema registry answers.
func (d *doctor) registry(ctx context.Context, p *app.Parts) {
	const name = "schema registry"
	r := p.Registry()
	if r == nil {
		return
	}
	if d.fault(name, r.Ping(ctx), "check schema_registry.*; records that name schemas wait until it answers") {
		return
	}
	d.add(name, stateOK, d.cfg.SchemaRegistry.URL+" answers", "")
}

// carried counts, per model, the rows of each type that carry features.
type carried map[string]map[event.Type]int

// records reads the newest records of an input as they are counted: how many are dead,
// and where features come from.
func (d *doctor) records(ctx context.Context, p *app.Parts, in config.Input, seen carried) {
	if d.role != "" && d.role != "collect" && d.role != "historian" {
		return // other roles may not read events
	}
	name := "records of " + in.Topic
	recs, err := topicSample(ctx, p, mappingFlags{topic: in.Topic, limit: doctorSample})
	if d.fault(name, err, "give this user the right to read the topic") || len(recs) == 0 {
		return
	}
	if d.fault(name, p.Prepare(ctx, in.Topic, recs), "check schema_registry.*") {
		return
	}
	reader, dead, reasons := p.Reader(in.Topic), 0, map[string]int{}
	for i := range recs {
		rows, err := reader.Read(&event.Raw{Key: recs[i].Key, Value: recs[i].Value, Headers: recs[i].Headers, TimeMS: recs[i].TimeMS})
		if err != nil {
			dead++
			var reason *event.Reason
			if errors.As(err, &reason) {
				reasons[string(reason.Code)]++
			}
			continue
		}
		for _, ev := range rows {
			if len(ev.Features) == 0 {
				continue
			}
			by := seen[ev.Model]
			if by == nil {
				by = map[event.Type]int{}
				seen[string([]byte(ev.Model))] = by
			}
			by[ev.Type]++
		}
	}
	found := fmt.Sprintf("of the newest %d, %d cannot be read as format %s", len(recs), dead, or(in.Format, "native"))
	worst := ""
	for _, code := range slices.Sorted(maps.Keys(reasons)) {
		if reasons[code] > reasons[worst] {
			worst = code
		}
	}
	mend := fmt.Sprintf("most often %s: driftline mapping test --topic %s tells why", worst, in.Topic)
	switch {
	case dead == 0:
		d.add(name, stateOK, found, "")
	case 2*dead > len(recs):
		d.add(name, stateFail, found, mend)
	default:
		d.add(name, stateWarn, found, mend)
	}
}

// features compares where the features of each model come from with where they are
// counted from.
func (d *doctor) features(seen carried) {
	for _, model := range slices.Sorted(maps.Keys(seen)) {
		name := "features of " + model
		m, _ := d.cfg.Model(model)
		counted, other := event.TypePrediction, event.TypeFeature
		if m.FeaturesFrom == event.TypeFeature.String() {
			counted, other = other, counted
		}
		has, has2 := seen[model][counted], seen[model][other]
		found := fmt.Sprintf("%d %s events and %d %s events of the sample carry features; those of %s events are counted", has, counted, has2, other, counted)
		switch {
		case has > 0 && has2 > 0:
			d.add(name, stateWarn, found, fmt.Sprintf("send features in one kind of event: those in %s events are joined to examples but not counted", other))
		case has == 0 && has2 > 0:
			d.add(name, stateFail, found, fmt.Sprintf("set features_from: %s for the model, or send features in %s events", other, counted))
		case has > 0:
			d.add(name, stateOK, found, "")
		}
	}
}
