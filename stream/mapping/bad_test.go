package mapping_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping"
	"github.com/driftline/driftline/stream/mapping/avro"
	"github.com/driftline/driftline/stream/mapping/mappingtest"
)

// headers makes record headers of pairs.
func headers(pairs ...string) (h event.Headers) {
	for i := 0; i < len(pairs); i += 2 {
		h = event.AppendHeader(h, pairs[i], []byte(pairs[i+1]))
	}
	return h
}

func ce(kind string) event.Headers {
	return headers("ce_specversion", "1.0", "ce_id", "r1", "ce_source", "/s", "ce_type", "org.kubeflow.serving.inference."+kind, "ce_inferenceservicename", "m", "content-type", "application/json")
}

// v2Request is a request with one tensor of the given shape and data.
func v2Request(shape, datatype, data string) string {
	return fmt.Sprintf(`{"id":"r","model_name":"m","inputs":[{"name":"x","shape":%s,"datatype":"%s","data":%s}]}`, shape, datatype, data)
}

// msg writes protobuf fields: texts and bytes by their number.
func msg(fields ...any) (b []byte) {
	for i := 0; i < len(fields); i += 2 {
		num := protowire.Number(fields[i].(int))
		switch v := fields[i+1].(type) {
		case string:
			b = protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), v)
		case []byte:
			b = protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), v)
		case int:
			b = protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), uint64(int64(v)))
		}
	}
	return b
}

func doubles(xs ...float64) (b []byte) {
	for _, x := range xs {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
	}
	return b
}

// tensor is an InferInputTensor of two rows.
func tensor(more ...any) []byte {
	return msg(append([]any{1, "x", 2, "FP64", 3, 2}, more...)...)
}

const inputs, outputs = "seldon.default.model.m.inputs", "seldon.default.model.m.outputs"

type badCase struct {
	name  string
	m     mapping.Mapping
	topic string
	raw   event.Raw
	code  event.Code
	say   string // part of the detail
}

func badCases() []badCase {
	flat := mapping.Mapping{Format: mapping.Flat}
	v2 := mapping.Mapping{Format: mapping.V2}
	kserve := mapping.Mapping{Format: mapping.KServe}
	cloud := mapping.Mapping{Format: mapping.CloudEvents}
	seldon := mapping.Mapping{Format: mapping.Seldon2}
	avroFormat := mapping.Mapping{Format: mapping.Avro}
	names := []string{"a", "b"}
	text := func(s string) event.Raw { return event.Raw{Key: []byte("k"), Value: []byte(s)} }
	bytes := func(b []byte) event.Raw { return event.Raw{Key: []byte("k"), Value: b} }
	deep := strings.Repeat("[", 70) + strings.Repeat("]", 70)
	return []badCase{
		{"nothing", flat, "", text(""), event.CodeEmpty, ""},
		{"white space", flat, "", text("  "), event.CodeEmpty, ""},
		{"too large", flat, "", text(strings.Repeat(" ", 5000)), event.CodeTooLarge, ""},
		{"not JSON", flat, "", text(`{"model":"m",`), event.CodeNotJSON, ""},
		{"no UTF-8", flat, "", text("{\"model\":\"\xff\"}"), event.CodeBadUTF8, ""},
		{"nested too deep", flat, "", text(`{"model":"m","x":` + deep + `}`), event.CodeTooDeep, ""},
		{"a key twice", flat, "", text(`{"model":"m","x":1,"x":2}`), event.CodeDuplicateKey, ""},
		{"a nested key twice", flat, "", text(`{"model":"m","x":{"y":1,"y":2}}`), event.CodeDuplicateKey, ""},
		{"a feature under two spellings", flat, "", text(`{"model":"m","x.y":1,"x":{"y":2}}`), event.CodeDuplicateKey, "x.y"},
		{"a number beyond float64", flat, "", text(`{"model":"m","x":1e999}`), event.CodeBadNumber, ""},
		{"no model", flat, "", text(`{"score":1}`), event.CodeNoModel, ""},
		{"an unknown type", flat, "", text(`{"model":"m","type":"purchase","x":1}`), event.CodeUnknownType, "mapping.type"},
		{"a score that is text", flat, "", text(`{"model":"m","score":"high"}`), event.CodeWrongType, "score"},
		{"a prediction that is an object", flat, "", text(`{"model":"m","prediction":{"a":1}}`), event.CodeWrongType, "prediction"},
		{"a model that is a fraction", flat, "", text(`{"model":1.5,"score":1}`), event.CodeWrongType, "model"},
		{"a time that is none", flat, "", text(`{"model":"m","score":1,"ts":"yesterday"}`), event.CodeBadTime, "RFC 3339"},
		{"a time that is true", flat, "", text(`{"model":"m","score":1,"ts":true}`), event.CodeBadTime, ""},
		{"a time in the wrong unit", mapping.Mapping{Format: mapping.Flat, TimeUnit: "s"}, "", text(`{"model":"m","score":1,"ts":1767225600000000}`), event.CodeBadTime, "seconds"},
		{"text where numbers are asked for", mapping.Mapping{Format: mapping.Flat, TimeUnit: "rfc3339"}, "", text(`{"model":"m","score":1,"ts":17}`), event.CodeBadTime, ""},
		{"a label without id", flat, "", text(`{"model":"m","label":1}`), event.CodeNoID, ""},
		{"features that are a number", mapping.Mapping{Format: mapping.Flat, Features: "in"}, "", text(`{"model":"m","in":5}`), event.CodeWrongType, ""},
		{"fewer features than names", mapping.Mapping{Format: mapping.Flat, Features: "in", FeatureNames: names}, "", text(`{"model":"m","in":[1]}`), event.CodeWrongShape, "1 features"},
		{"more features than names", mapping.Mapping{Format: mapping.Flat, Features: "in", FeatureNames: names}, "", text(`{"model":"m","in":[1,2,3]}`), event.CodeWrongShape, ""},
		{"no rows", mapping.Mapping{Format: mapping.Flat, Rows: "rows"}, "", text(`{"model":"m","rows":[]}`), event.CodeNoContent, ""},
		{"rows that are no array", mapping.Mapping{Format: mapping.Flat, Rows: "rows"}, "", text(`{"model":"m","rows":{}}`), event.CodeWrongType, ""},
		{"rows that are missing", mapping.Mapping{Format: mapping.Flat, Rows: "rows"}, "", text(`{"model":"m","x":1}`), event.CodeNoContent, ""},
		{"rows of two models", flat, "", text(`[{"model":"m","x":1},{"model":"n","x":1}]`), event.CodeWrongShape, "records of their own"},
		{"rows of two times", flat, "", text(`[{"model":"m","x":1,"ts":1},{"model":"m","x":1}]`), event.CodeWrongShape, ""},
		{"one bad row of two", flat, "", text(`[{"model":"m","x":1},{"model":"m","score":"x"}]`), event.CodeWrongType, "row 1"},
		{"too many rows", flat, "", text("[" + strings.Repeat(`0,`, mapping.MaxRows) + "0]"), event.CodeTooManyRows, ""},
		{"a segment that is an array", flat, "", text(`{"model":"m","score":1,"segments":{"a":[1]}}`), event.CodeWrongType, "segment"},
		{"a segment with a line break", flat, "", text(`{"model":"m","score":1,"segments":{"a":"x\ny"}}`), event.CodeBadName, "segment"},

		{"a CloudEvent without attributes", cloud, "", text(`{"model":"m","score":1}`), event.CodeNotCloudEvent, "specversion"},
		{"a CloudEvent of version 7", cloud, "", text(`{"specversion":"7","id":"1","source":"s","type":"t","data":{}}`), event.CodeNotCloudEvent, "1.0 and 0.3"},
		{"a CloudEvent without id", cloud, "", text(`{"specversion":"1.0","source":"s","type":"t","data":{}}`), event.CodeNotCloudEvent, `"id"`},
		{"a CloudEvent without data", cloud, "", text(`{"specversion":"1.0","id":"1","source":"s","type":"t"}`), event.CodeNoContent, ""},
		{"a CloudEvent with broken base64", cloud, "", text(`{"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":"?"}`), event.CodeNotCloudEvent, "base64"},
		{"a batch of CloudEvents", cloud, "", event.Raw{Headers: headers("content-type", "application/cloudevents-batch+json"), Value: []byte(`[]`)}, event.CodeNotCloudEvent, "batch"},
		{"a binary CloudEvent without a body", cloud, "", event.Raw{Headers: ce("request")}, event.CodeEmpty, ""},

		{"a response where a request must be", kserve, "", event.Raw{Headers: ce("request"), Value: []byte(`{"predictions":[1]}`)}, event.CodeWrongType, "response"},
		{"a request where a response must be", kserve, "", event.Raw{Headers: ce("response"), Value: []byte(`{"instances":[[1]]}`)}, event.CodeWrongType, "request"},
		{"an error instead of predictions", kserve, "", event.Raw{Headers: ce("response"), Value: []byte(`{"error":"model not ready"}`)}, event.CodeServedError, "model not ready"},
		{"instances that are no array", kserve, "", event.Raw{Headers: ce("request"), Value: []byte(`{"instances":{"a":1}}`)}, event.CodeWrongType, "instances"},
		{"no payload of inference", kserve, "", event.Raw{Headers: ce("request"), Value: []byte(`{"hello":1}`)}, event.CodeNoContent, "V1 or V2"},
		{"two probabilities and no word which counts", kserve, "", event.Raw{Headers: ce("response"), Value: []byte(`{"predictions":[[0.2,0.8]]}`)}, event.CodeNoContent, "mapping.score"},
		{"an error of the pipeline", seldon, outputs, event.Raw{Headers: headers("seldon-pipeline-errors", "step-2"), Value: []byte("boom")}, event.CodeServedError, "step-2"},

		// Shapes that lie.
		{"data longer than its shape", v2, "", text(v2Request(`[2]`, "FP64", `[1,2,3]`)), event.CodeWrongShape, "3 values"},
		{"data shorter than its shape", v2, "", text(v2Request(`[2,2]`, "FP64", `[1,2,3]`)), event.CodeWrongShape, ""},
		{"a shape of billions", v2, "", text(v2Request(`[1000000000,1000000000]`, "FP64", `[1]`)), event.CodeWrongShape, "promises more"},
		{"a shape whose product overflows to nothing", v2, "", text(v2Request(`[4294967296,4294967296]`, "FP64", `[]`)), event.CodeWrongShape, ""},
		{"a negative size", v2, "", text(v2Request(`[-1]`, "FP64", `[1]`)), event.CodeWrongShape, "-1"},
		{"a size that is a fraction", v2, "", text(v2Request(`[1.5]`, "FP64", `[1]`)), event.CodeWrongShape, ""},
		{"a size that is text", v2, "", text(v2Request(`["2"]`, "FP64", `[1,2]`)), event.CodeWrongShape, ""},
		{"no shape", v2, "", text(`{"model_name":"m","inputs":[{"name":"x","datatype":"FP64","data":[1]}]}`), event.CodeWrongShape, ""},
		{"nested otherwise than the shape", v2, "", text(v2Request(`[2,3]`, "FP64", `[[1,2],[3,4],[5,6]]`)), event.CodeWrongShape, ""},
		{"inner arrays of unequal length", v2, "", text(v2Request(`[2,2]`, "FP64", `[[1],[2,3,4]]`)), event.CodeWrongShape, ""},
		{"nested deeper than the shape", v2, "", text(v2Request(`[1]`, "FP64", `[[1]]`)), event.CodeWrongShape, ""},
		{"values and arrays mixed", v2, "", text(v2Request(`[2]`, "FP64", `[1,[2]]`)), event.CodeWrongShape, "mixes"},
		{"columns of unequal length", v2, "", text(`{"model_name":"m","inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[1]},{"name":"y","shape":[2],"datatype":"FP64","data":[1,2]}]}`), event.CodeWrongShape, "2 rows"},
		{"a column twice", v2, "", text(`{"model_name":"m","inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[1]},{"name":"x","shape":[1],"datatype":"FP64","data":[1]}]}`), event.CodeDuplicateKey, ""},
		{"text in a tensor of numbers", v2, "", text(v2Request(`[1]`, "FP64", `["1"]`)), event.CodeWrongType, "FP64"},
		{"a fraction in a tensor of integers", v2, "", text(v2Request(`[1]`, "INT64", `[1.5]`)), event.CodeWrongType, "INT64"},
		{"a number in a tensor of bytes", v2, "", text(v2Request(`[1]`, "BYTES", `[1]`)), event.CodeWrongType, ""},
		{"two in a tensor of booleans", v2, "", text(v2Request(`[1]`, "BOOL", `[2]`)), event.CodeWrongType, ""},
		{"a datatype of nobody", v2, "", text(v2Request(`[1]`, "FP128", `[1]`)), event.CodeWrongType, "FP128"},
		{"broken base64", v2, "", text(`{"model_name":"m","inputs":[{"name":"x","shape":[1],"datatype":"BYTES","parameters":{"content_type":"base64"},"data":["?"]}]}`), event.CodeWrongType, "base64"},
		{"data outside the JSON", v2, "", text(`{"model_name":"m","inputs":[{"name":"x","shape":[1],"datatype":"FP64","parameters":{"binary_data_size":8}}]}`), event.CodeNoContent, "binary_data_size"},
		{"no tensors", v2, "", text(`{"model_name":"m","inputs":[]}`), event.CodeNoContent, ""},
		{"no rows in the tensors", v2, "", text(v2Request(`[0,3]`, "FP64", `[]`)), event.CodeNoContent, "no rows"},

		{"protobuf cut off", seldon, inputs, bytes(msg(1, "m", 5, tensor(5, msg(7, doubles(1, 2))))[:20]), event.CodeNotProtobuf, ""},
		{"raw contents of another length", seldon, inputs, bytes(msg(1, "m", 5, tensor(), 7, doubles(1, 2, 3))), event.CodeWrongShape, "24 raw bytes"},
		{"raw contents for no tensor", seldon, inputs, bytes(msg(1, "m", 5, tensor(), 7, doubles(1, 2), 7, doubles(1))), event.CodeWrongShape, "2 raw contents"},
		{"both kinds of contents", seldon, inputs, bytes(msg(1, "m", 5, tensor(5, msg(7, doubles(1, 2))), 7, doubles(1, 2))), event.CodeWrongShape, "beside raw"},
		{"contents of another datatype", seldon, inputs, bytes(msg(1, "m", 5, tensor(5, msg(3, []byte{1, 2})))), event.CodeWrongType, ""},
		{"no contents", seldon, inputs, bytes(msg(1, "m", 5, tensor())), event.CodeWrongShape, "0 values"},
		{"a raw text that ends early", seldon, inputs, bytes(msg(1, "m", 5, msg(1, "x", 2, "BYTES", 3, 1), 7, []byte{9, 0, 0, 0, 'a'})), event.CodeWrongShape, "inside a text"},
		{"a raw shape of billions", seldon, inputs, bytes(msg(1, "m", 5, msg(1, "x", 2, "FP64", 3, 1<<40), 7, doubles(1))), event.CodeWrongShape, ""},
		{"an empty message", seldon, inputs, bytes(msg(1, "m")), event.CodeNoContent, ""},

		{"Avro without a frame", avroFormat, "", bytes([]byte{1, 2, 3}), event.CodeBadFrame, "schema_file"},
		{"half a frame", avroFormat, "", bytes([]byte{0, 0, 0}), event.CodeBadFrame, ""},
		{"an unknown schema id", avroFormat, "", bytes([]byte{0, 0, 0, 1, 1, 7}), event.CodeUnknownSchema, "257"},
		{"a value of another schema", avroFormat, "", bytes([]byte{0, 0, 0, 0, 7, 2}), event.CodeNotAvro, ""},
		{"a schema without the configured features", mapping.Mapping{Format: mapping.Avro, FeatureNames: []string{"age", "height"}}, "", mustSample("avro"), event.CodeWrongSchema, "height"},
		{"a schema with none of the configured features", mapping.Mapping{Format: mapping.Avro, FeatureNames: []string{"w", "x"}}, "", mustSample("avro"), event.CodeWrongSchema, "2 of the 2"},
		{"a schema that is broken", avroFormat, "", bytes([]byte{0, 0, 0, 0, 99, 2}), event.CodeWrongSchema, "cannot be used"},
	}
}

// mustSample is the first record of a sample; cases are made where no test is at hand.
func mustSample(name string) event.Raw {
	t := &testing.T{}
	for _, s := range mappingtest.Samples(t) {
		if s.Name == name {
			return s.Records[0].Raw
		}
	}
	panic("no sample " + name)
}

func schemasOf(t testing.TB) mappingtest.Known {
	known := mappingtest.Schemas(t)
	known[99] = avro.Broken(errors.New("it cannot be used"))
	return known
}

func TestRead_RefusesWithAReason(t *testing.T) {
	t.Parallel()
	met := map[event.Code]bool{event.CodeNotProtobuf: true}
	for _, tt := range badCases() {
		limits := event.Limits{Bytes: 4096}
		if tt.code == event.CodeTooManyRows {
			limits = event.Limits{}
		}
		r, err := mapping.New(mapping.Config{Mapping: tt.m, Topic: tt.topic, Limits: limits, Schemas: schemasOf(t)})
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		rows, err := r.Read(&tt.raw)
		var reason *event.Reason
		switch {
		case !errors.As(err, &reason):
			t.Errorf("%s: read as %+v, want %s", tt.name, rows, tt.code)
		case reason.Code != tt.code || !strings.Contains(reason.Detail, tt.say):
			t.Errorf("%s: %v, want %s with %q", tt.name, reason, tt.code, tt.say)
		case reason.At < 0 || reason.At > len(tt.raw.Value):
			t.Errorf("%s: at %d of %d bytes", tt.name, reason.At, len(tt.raw.Value))
		}
		met[tt.code] = true
	}
	for _, c := range event.ForeignCodes() {
		if !met[c] {
			t.Errorf("no case is dead by %s", c)
		}
	}
}

// TestRead_KeepsNothingOfABadRecord reads a good record after each bad one.
func TestRead_KeepsNothingOfABadRecord(t *testing.T) {
	t.Parallel()
	r, err := mapping.New(mapping.Config{Mapping: mapping.Mapping{Format: mapping.Flat}, Limits: event.Limits{Bytes: 4096}})
	if err != nil {
		t.Fatal(err)
	}
	const good = `{"model":"m","score":0.5,"x":1}`
	const want = `{"type":"prediction","model":"m","features":{"x":1},"score":0.5}`
	for _, tt := range badCases() {
		_, _ = r.Read(&tt.raw)
		rows, err := r.Read(&event.Raw{Value: []byte(good)})
		if err != nil || len(rows) != 1 || string(event.Encode(rows[0])) != want {
			t.Fatalf("after %q: %+v, %v", tt.name, rows, err)
		}
	}
}
