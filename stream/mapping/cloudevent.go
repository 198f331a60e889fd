package mapping

import (
	"bytes"
	"encoding/base64"
	"strings"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping/tree"
)

// envelope takes a CloudEvent apart: its attributes go to rec.attrs, its data to the
// tree or, as bytes, to the caller. Binary mode carries attributes in headers ("ce_id",
// as Kafka's binding says, or "ce-id", as HTTP bridges pass them on), structured mode in
// the JSON around the data.
func (r *reader) envelope(raw *event.Raw) (data []byte, inTree bool, bad *event.Reason) {
	rec := &r.rec
	rec.attrs = rec.attrs[:0]
	contentType := ""
	for key, value := range raw.Headers.All() {
		name := strings.ToLower(string(key))
		switch {
		case strings.HasPrefix(name, "ce_") || strings.HasPrefix(name, "ce-"):
			rec.attrs = append(rec.attrs, attribute{name[3:], string(value)})
		case name == "content-type":
			contentType = strings.ToLower(string(value))
		}
	}
	if strings.HasPrefix(contentType, "application/cloudevents-batch") {
		return nil, false, event.Dead(event.CodeNotCloudEvent, 0, "a batch of CloudEvents; send one per record")
	}
	binary := len(rec.attrs) > 0 && !strings.HasPrefix(contentType, "application/cloudevents+json")
	if binary {
		if bad := rec.required(); bad != nil {
			return nil, false, bad
		}
		return raw.Value, false, nil
	}
	rec.attrs = rec.attrs[:0]
	return r.structured(raw.Value)
}

// structured reads the JSON of an event; data that is JSON becomes the payload where it
// stands.
func (r *reader) structured(b []byte) ([]byte, bool, *event.Reason) {
	rec := &r.rec
	if bad := rec.tree.JSON(b); bad != nil {
		return nil, false, bad
	}
	t, root := &rec.tree, rec.tree.Root()
	if t.At(root).Kind != tree.Object || t.Member(root, "specversion") == tree.None {
		return nil, false, event.Dead(event.CodeNotCloudEvent, 0, `neither ce_ headers nor "specversion" in the payload`)
	}
	data, encoded := tree.None, tree.None
	for at, n := range t.Children(root) {
		switch {
		case n.Name == "data":
			data = at
		case n.Name == "data_base64":
			encoded = at
		case n.Kind == tree.Text:
			rec.attrs = append(rec.attrs, attribute{strings.ToLower(n.Name), n.Text})
		case n.Kind == tree.Number:
			rec.attrs = append(rec.attrs, attribute{strings.ToLower(n.Name), n.Digits()})
		case n.Kind == tree.Bool:
			rec.attrs = append(rec.attrs, attribute{strings.ToLower(n.Name), map[bool]string{true: "true", false: "false"}[n.Num != 0]})
		}
	}
	if bad := rec.required(); bad != nil {
		return nil, false, bad
	}
	if encoding, _ := rec.attribute("datacontentencoding"); encoding == "base64" && encoded == tree.None { // of 0.3
		data, encoded = tree.None, data
	}
	switch {
	case encoded != tree.None:
		n := t.At(encoded)
		out, err := base64.StdEncoding.DecodeString(n.Text)
		if n.Kind != tree.Text || err != nil {
			return nil, false, event.Dead(event.CodeNotCloudEvent, 0, "data_base64 is not base64")
		}
		return out, false, nil
	case data == tree.None:
		return nil, false, event.Dead(event.CodeNoContent, 0, "a CloudEvent without data")
	case t.At(data).Kind == tree.Text: // JSON inside a string
		return []byte(t.At(data).Text), false, nil
	}
	rec.root = data
	return nil, true, nil
}

// required checks what every CloudEvent must have.
func (r *record) required() *event.Reason {
	version := ""
	for _, a := range r.attrs {
		if a.name == "specversion" {
			version = a.value
		}
	}
	if !strings.HasPrefix(version, "1.") && version != "0.3" {
		return event.Dead(event.CodeNotCloudEvent, 0, "specversion %s; 1.0 and 0.3 are read", event.Quote(version))
	}
	for _, name := range [...]string{"id", "source", "type"} {
		found := false
		for _, a := range r.attrs {
			found = found || a.name == name && a.value != ""
		}
		if !found {
			return event.Dead(event.CodeNotCloudEvent, 0, "no attribute %q, which every CloudEvent has", name)
		}
	}
	return nil
}

// looksJSON says whether bytes can only be JSON: neither protobuf messages of inference
// servers nor framed records begin with a brace.
func looksJSON(b []byte) bool {
	b = bytes.TrimLeft(b, " \t\r\n")
	return len(b) > 0 && (b[0] == '{' || b[0] == '[')
}
