// Package mappingtest hands the samples of foreign formats to tests: the same rows as
// KServe, Seldon Core 2, Avro, protobuf and CloudEvents write them, and as native events.
// How they were made stands in ../testdata/README.md.
package mappingtest

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping"
	"github.com/driftline/driftline/stream/mapping/avro"
)

// Model is the one that all samples are of; Features are its features.
const Model = "acis"

// Features are the names of the features, in the order of the samples without names.
func Features() []string { return []string{"age", "income", "ratio", "sector"} }

// Sample is the rows in one format.
type Sample struct {
	Name    string
	Mapping mapping.Mapping
	Records []Record
}

// Record is one record of a sample.
type Record struct {
	Topic string // "" for any
	event.Raw
}

// Samples returns all, native first.
func Samples(t testing.TB) []Sample {
	t.Helper()
	version := "@ce.metadata.Model-Version"
	all := []Sample{
		{Name: "native", Mapping: mapping.Mapping{Format: mapping.Native}},
		{Name: "packed", Mapping: mapping.Mapping{Format: mapping.Packed, FeatureNames: Features()}},
		{Name: "avro", Mapping: mapping.Mapping{Format: mapping.Avro, Drop: []string{"trace"}}},
		{Name: "cloudevents", Mapping: mapping.Mapping{Format: mapping.CloudEvents}},
		{Name: "kserve_v1", Mapping: mapping.Mapping{Format: mapping.KServe, Version: version, FeatureNames: Features(), Score: "score", Prediction: "class"}},
		{Name: "kserve_v2", Mapping: mapping.Mapping{Format: mapping.KServe, Version: version}},
		{Name: "seldon2", Mapping: mapping.Mapping{Format: mapping.Seldon2, FeatureNames: Features(), Score: "predict_proba.1", Prediction: "predict"}},
	}
	for i := range all {
		all[i].Records = read(t, all[i].Name)
	}
	return all
}

// Reader returns the reader of a sample's records on a topic.
func (s Sample) Reader(t testing.TB, topic string) event.Reader {
	t.Helper()
	r, err := mapping.New(mapping.Config{Mapping: s.Mapping, Topic: topic, Schemas: Schemas(t)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func folder() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "testdata")
}

// SchemaTexts are the schemas of the Avro sample by id.
func SchemaTexts(t testing.TB) map[uint32]string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(folder(), "avro_schemas.json"))
	if err != nil {
		t.Fatal(err)
	}
	var texts map[string]string
	if err := json.Unmarshal(b, &texts); err != nil {
		t.Fatal(err)
	}
	out := map[uint32]string{}
	for id, text := range texts {
		n, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		out[uint32(n)] = text
	}
	return out
}

// Known is a registry that has answered everything.
type Known map[uint32]*avro.Schema

// Schema implements avro.Schemas.
func (k Known) Schema(id uint32) (*avro.Schema, bool) {
	s, ok := k[id]
	return s, ok
}

// Schemas are the parsed schemas of the Avro sample.
func Schemas(t testing.TB) Known {
	t.Helper()
	out := Known{}
	for id, text := range SchemaTexts(t) {
		s, err := avro.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		out[id] = s
	}
	return out
}

func read(t testing.TB, name string) (out []Record) {
	t.Helper()
	f, err := os.Open(filepath.Join(folder(), name+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var x struct {
			Topic   string
			MS      int64
			Key     string
			Headers [][2]string
			Value   []byte
		}
		if err := json.Unmarshal(lines.Bytes(), &x); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r := Record{Topic: x.Topic, Raw: event.Raw{Value: x.Value, TimeMS: x.MS}}
		if x.Key != "" {
			r.Key = []byte(x.Key)
		}
		for _, h := range x.Headers {
			r.Headers = event.AppendHeader(r.Headers, h[0], []byte(h[1]))
		}
		out = append(out, r)
	}
	if len(out) == 0 {
		t.Fatalf("%s: no records", name)
	}
	return out
}
