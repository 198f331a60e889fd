package app

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/mapping"
)

// channel is what a topic carries, in words.
type channel struct {
	title, description, key string
	schema                  string // "" for frames that only Driftline reads
	receive, send           bool   // of Driftline
}

// channels describes each topic of TopicSpecs.
func (p *Parts) channels() map[string]channel {
	t := p.Topics()
	out := map[string]channel{
		t.Control:   {"Settings", "Settings that all workers share. Only Driftline writes here; binary.", "kind, id and number of the setting", "", true, true},
		t.Panes:     {"Counts", "Counts on their way from collect to evaluate. Only Driftline writes here; binary.", "what is counted, and where", "", true, true},
		t.State:     {"State of judging", "What evaluate needs to go on. Only Driftline writes here; binary, compacted.", "the part of the state", "", true, true},
		t.Scores:    {"Scores", "One record per model, version, window and step. Keep one of those that come twice.", "the model", SchemaScore, true, true},
		t.Drift:     {"Drift events", "Alarms that fire, go on, worsen, resolve or lack data.", "the model", SchemaDrift, true, true},
		t.Lifecycle: {"Lifecycle events", "Retrains, promotions, rollbacks, references.", "the model", SchemaLifecycle, false, true},
		t.Dead:      {"Dead letters", "Records of input topics that could not be read: the first few of each reason; the rest is only counted.", "topic, partition and offset", SchemaDeadLetter, false, true},
	}
	for _, in := range p.Cfg.Topics.Inputs {
		c := channel{
			"Events", "Features, predictions and labels of your services. Windows wait for this topic.",
			"free; records of one key keep their order", SchemaEvent, true, p.Cfg.Ingest.Enabled && (in.Topic == p.Cfg.IngestTopic() || in.Topic == p.Cfg.IngestLabelTopic()),
		}
		if in.Format != "" && in.Format != mapping.Native {
			c.schema = schemaMapped
			c.description += " Records are of the format " + in.Format + " and become events by the topic's mapping."
		}
		if in.Role == "labels" {
			c.title = "Labels"
			c.description = strings.Replace(c.description, "Features, predictions and labels of your services. Windows wait for this topic.", "Labels of your services, joined by model and id. Windows do not wait for this topic.", 1)
		}
		out[in.Topic] = c
	}
	return out
}

// schemaMapped stands for records of input topics that are not native events.
const schemaMapped = "mapped"

// contents are the media types of payloads.
const (
	mediaJSON   = "application/json"
	mediaCloud  = "application/cloudevents+json"
	mediaBinary = "application/octet-stream"
)

// schemaFormat is the dialect of the embedded schemas.
const schemaFormat = "application/schema+json;version=draft-2020-12"

// AsyncAPI returns the AsyncAPI 3.0 document of all topics of the deployment, made from
// what topics create makes and from the schemas of the records.
func (p *Parts) AsyncAPI(version string) ([]byte, error) {
	schemas, err := inDocument(Schemas())
	if err != nil {
		return nil, err
	}
	schemas["binary"] = map[string]any{"schemaFormat": schemaFormat, "schema": map[string]any{"description": "Bytes that only Driftline reads; their form may change between versions."}}
	schemas[schemaMapped] = map[string]any{"schemaFormat": schemaFormat, "schema": map[string]any{"description": "What another project writes; format and mapping of the topic say how it becomes an event."}}
	described := p.channels()
	channels, operations, messages := map[string]any{}, map[string]any{}, map[string]any{}
	for _, spec := range p.TopicSpecs() {
		c, ok := described[spec.Name]
		if !ok {
			return nil, fmt.Errorf("topic %s is not described", spec.Name)
		}
		id := channelID(spec.Name)
		schema := c.schema
		if schema == "" {
			schema = "binary"
		}
		messages[id] = map[string]any{
			"name": id, "title": c.title, "contentType": contentType(c.schema), "payload": ref("components", "schemas", schema),
			"bindings": map[string]any{"kafka": map[string]any{"key": map[string]any{"type": "string", "description": c.key}, "bindingVersion": kafkaBinding}},
		}
		channels[id] = map[string]any{
			"address": spec.Name, "title": c.title, "description": c.description,
			"messages": map[string]any{id: ref("components", "messages", id)},
			"bindings": map[string]any{"kafka": p.topicBinding(spec)},
		}
		for _, o := range []struct {
			on           bool
			action, verb string
		}{{c.receive, "receive", "reads"}, {c.send, "send", "writes"}} {
			if o.on {
				operations[o.action+"_"+id] = map[string]any{
					"action": o.action, "channel": ref("channels", id), "summary": "Driftline " + o.verb + " " + spec.Name,
					"messages": []any{ref("channels", id, "messages", id)},
				}
			}
		}
	}
	doc := map[string]any{
		"asyncapi": "3.0.0",
		"info": map[string]any{
			"title": "Driftline topics", "version": version,
			"description": "Topics of the deployment with the prefix " + p.Cfg.Topics.Prefix + ". send and receive are Driftline's: what it receives you may send, what it sends you may receive.",
		},
		"defaultContentType": mediaJSON,
		"channels":           channels, "operations": operations,
		"components": map[string]any{"schemas": schemas, "messages": messages},
	}
	if servers := p.servers(); len(servers) > 0 {
		doc["servers"] = servers
	}
	return json.MarshalIndent(doc, "", "  ")
}

// kafkaBinding is the version of the Kafka bindings.
const kafkaBinding = "0.5.0"

// channelID is a topic's name without the characters that ids may not hold.
func channelID(topic string) string { return strings.ReplaceAll(topic, ".", "_") }

func contentType(schema string) string {
	switch schema {
	case "", schemaMapped: // which may be JSON or not
		return mediaBinary
	case SchemaDrift, SchemaLifecycle:
		return mediaCloud
	}
	return mediaJSON
}

func ref(parts ...string) map[string]any {
	return map[string]any{"$ref": "#/" + strings.Join(parts, "/")}
}

// topicBinding is a topic's settings as the Kafka binding writes them.
func (p *Parts) topicBinding(spec log.Topic) map[string]any {
	b := map[string]any{"topic": spec.Name, "partitions": spec.Partitions, "replicas": max(1, spec.Replicas), "bindingVersion": kafkaBinding}
	settings := map[string]any{}
	for _, k := range slices.Sorted(maps.Keys(spec.Config)) {
		v := spec.Config[k]
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			settings[k] = n
			continue
		}
		if k == "cleanup.policy" {
			settings[k] = strings.Split(v, ",")
			continue
		}
		settings[k] = v
	}
	b["topicConfiguration"] = settings
	return b
}

// servers are the brokers that are configured; an embedded one has no lasting address.
func (p *Parts) servers() map[string]any {
	out := map[string]any{}
	protocol := "kafka"
	if p.Cfg.Broker.TLS.Enabled {
		protocol = "kafka-secure"
	}
	for i, b := range p.Cfg.Broker.Brokers {
		out["broker"+strconv.Itoa(i+1)] = map[string]any{"host": b, "protocol": protocol}
	}
	return out
}

// inDocument brings schemas into the document: references inside them lead from the
// document's root, and ids are left out, for they would lead elsewhere.
func inDocument(schemas map[string][]byte) (map[string]any, error) {
	out := map[string]any{}
	for name, text := range schemas {
		var s any
		if err := json.Unmarshal(text, &s); err != nil {
			return nil, fmt.Errorf("schema %s: %w", name, err)
		}
		out[name] = map[string]any{"schemaFormat": schemaFormat, "schema": moved(s, "#/components/schemas/"+name+"/schema/", true)}
	}
	return out, nil
}

// moved rewrites references below a schema to start at a new root. schema tells that
// the value is a schema and not a map of names.
func moved(v any, root string, schema bool) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			text, isText := x.(string)
			switch {
			case schema && isText && (k == "$id" || k == "$schema"):
			case schema && isText && k == "$ref":
				out[k] = strings.Replace(text, "#/", root, 1)
			default:
				out[k] = moved(x, root, !schema || k != "properties" && k != "$defs" && k != "patternProperties")
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = moved(x, root, true)
		}
		return out
	}
	return v
}
