package ingest

import (
	"encoding/base64"
	"encoding/json"

	"github.com/driftline/driftline/stream/event"
)

// cloudReader reads CloudEvents 1.0 whose data is one native event. It serves where no
// reader of the format cloudevents is configured.
type cloudReader struct{ native *event.Decoder }

func newCloudReader(l event.Limits) event.Reader { return &cloudReader{event.NewDecoder(l)} }

// Read implements event.Reader. The data alone says what happened: id, time and type of
// the envelope are those of the message, not of the event.
func (c *cloudReader) Read(r *event.Raw) ([]event.Event, error) {
	data := r.Value
	if _, binary := r.Headers.Get("ce_specversion"); !binary {
		var bad *event.Reason
		if data, bad = unwrap(r.Value); bad != nil {
			return nil, bad
		}
	}
	inner := *r
	inner.Value = data
	return c.native.Read(&inner)
}

// unwrap returns the data of a structured event.
func unwrap(text []byte) ([]byte, *event.Reason) {
	bad := func(code event.Code, detail string) ([]byte, *event.Reason) {
		return nil, &event.Reason{Code: code, Detail: detail}
	}
	var e struct {
		SpecVersion string          `json:"specversion"`
		ID          string          `json:"id"`
		Source      string          `json:"source"`
		Type        string          `json:"type"`
		Data        json.RawMessage `json:"data"`
		Base64      string          `json:"data_base64"`
	}
	if err := json.Unmarshal(text, &e); err != nil {
		return bad(event.CodeNotJSON, "the envelope is no CloudEvent: "+err.Error())
	}
	switch {
	case e.SpecVersion != "1.0":
		return bad(event.CodeUnknownType, "specversion is not 1.0; send CloudEvents 1.0")
	case e.ID == "" || e.Source == "" || e.Type == "":
		return bad(event.CodeUnknownType, "a CloudEvent needs id, source and type")
	case len(e.Data) > 0 && e.Base64 != "":
		return bad(event.CodeDuplicateKey, "data and data_base64 both stand there; send one")
	case e.Base64 != "":
		data, err := base64.StdEncoding.DecodeString(e.Base64)
		if err != nil {
			return bad(event.CodeWrongType, "data_base64 is not base64")
		}
		return data, nil
	case len(e.Data) == 0:
		return bad(event.CodeNoContent, "no data; it must be one native event")
	}
	return e.Data, nil
}
