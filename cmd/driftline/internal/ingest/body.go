package ingest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/driftline/driftline/stream/event"
)

// item is one record as it would lie in a topic.
type item struct {
	value   []byte
	headers event.Headers
}

// parsed is a request taken apart.
type parsed struct {
	format string
	items  []item
	cloud  bool // the sender speaks CloudEvents and wants an empty answer
}

// Media types.
const (
	mediaJSON  = "application/json"
	mediaCloud = "application/cloudevents+json"
	mediaBatch = "application/cloudevents-batch+json"
)

var mediaLines = map[string]bool{"application/x-ndjson": true, "application/ndjson": true, "application/jsonl": true, "application/json-lines": true}

// formatOf tells format and media type of a request from its headers alone.
func formatOf(h http.Header, asked string) (format, media string, f *Fault) {
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	binary := h.Get("Ce-Specversion") != "" && media != mediaCloud && media != mediaBatch
	cloud := binary || media == mediaCloud || media == mediaBatch
	if err != nil && !binary { // binary CloudEvents may leave the type out
		return "", "", fault(http.StatusUnsupportedMediaType, "No media type", "send the header Content-Type: application/json, application/x-ndjson, application/cloudevents+json or application/cloudevents-batch+json",
			"the header Content-Type says %q", h.Get("Content-Type"))
	}
	switch {
	case asked != "":
		format = asked
	case cloud && inferenceEvent(h.Get("Ce-Type")):
		format = KServe
	case cloud:
		format = CloudEvents
	default:
		format = Native
	}
	switch {
	case media == mediaJSON, media == mediaCloud, media == mediaBatch, mediaLines[media], binary:
		return format, media, nil
	}
	return "", "", fault(http.StatusUnsupportedMediaType, "Media type is not read", "send application/json, application/x-ndjson, application/cloudevents+json or application/cloudevents-batch+json", "%q", media)
}

// inferenceEvent tells whether a CloudEvent is a request or response that an inference
// logger copied.
func inferenceEvent(ceType string) bool {
	for _, prefix := range []string{"org.kubeflow.serving.inference.", "io.seldon.serving.inference.", "org.kserve."} {
		if strings.HasPrefix(ceType, prefix) {
			return true
		}
	}
	return false
}

// readBody reads a body of at most limit bytes, decompressed where it says so.
func readBody(r *http.Request, limit int64) ([]byte, *Fault) {
	tooLarge := func() *Fault {
		return fault(http.StatusRequestEntityTooLarge, "Body too large", "send fewer events in one request", "more than %d bytes", limit)
	}
	if r.ContentLength > limit {
		return nil, tooLarge()
	}
	in := io.Reader(io.LimitReader(r.Body, limit+1))
	switch encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fault(http.StatusBadRequest, "Body is not gzip", "send what Content-Encoding says, or leave the header out", "%v", err)
		}
		in = io.LimitReader(z, limit+1) // a bomb ends here
	default:
		return nil, fault(http.StatusUnsupportedMediaType, "Encoding is not read", "send the body plain or with Content-Encoding: gzip", "%q", encoding)
	}
	var b bytes.Buffer
	if n := r.ContentLength; n > 0 {
		b.Grow(int(n))
	}
	if _, err := b.ReadFrom(in); err != nil {
		return nil, fault(http.StatusBadRequest, "Body cannot be read", "send the whole body again", "after %d bytes: %v", b.Len(), err)
	}
	if int64(b.Len()) > limit {
		return nil, tooLarge()
	}
	return b.Bytes(), nil
}

// split takes a body apart into records. It looks no deeper than it must: what is in a
// record the format's reader decides.
func split(h http.Header, asked string, body []byte, maxEvents int) (parsed, *Fault) {
	format, media, f := formatOf(h, asked)
	if f != nil {
		return parsed{}, f
	}
	p := parsed{format: format, cloud: media == mediaCloud || media == mediaBatch || h.Get("Ce-Specversion") != ""}
	tooMany := func() (parsed, *Fault) {
		return parsed{}, fault(http.StatusRequestEntityTooLarge, "Too many events", "send fewer events in one request", "more than %d events", maxEvents)
	}
	add := func(value []byte, headers event.Headers) bool {
		p.items = append(p.items, item{value, headers})
		return len(p.items) <= maxEvents
	}
	switch first := firstByte(body); {
	case mediaLines[media]:
		for line := range bytes.Lines(body) {
			if line = bytes.TrimSpace(line); len(line) > 0 && !add(line, nil) {
				return tooMany()
			}
		}
	case p.cloud && media != mediaCloud && media != mediaBatch: // binary: attributes in the header
		add(body, cloudHeaders(h))
	case media == mediaBatch || first == '[' && (format == Native || media == mediaCloud):
		var headers event.Headers
		if p.cloud {
			headers = event.AppendHeader(nil, "content-type", []byte(mediaCloud))
		}
		more, f := elements(body, func(value []byte) bool { return add(value, headers) })
		if f != nil {
			return parsed{}, f
		}
		if !more {
			return tooMany()
		}
	case media == mediaCloud:
		add(body, event.AppendHeader(nil, "content-type", []byte(mediaCloud)))
	default:
		add(body, nil)
	}
	if len(p.items) == 0 {
		return parsed{}, fault(http.StatusBadRequest, "No events", "send at least one event", "the body holds none")
	}
	return p, nil
}

// firstByte is the first byte that is no white space of JSON, 0 if there is none.
func firstByte(b []byte) byte {
	if b = bytes.TrimLeft(b, " \t\r\n"); len(b) > 0 {
		return b[0]
	}
	return 0
}

// elements calls add for each element of a JSON array, as it stands in the text; more is
// false where add wanted no more.
func elements(body []byte, add func([]byte) bool) (more bool, f *Fault) {
	broken := func(at int64, err error) (bool, *Fault) {
		f := fault(http.StatusBadRequest, "Body is not a JSON array", "send an array of events, or one event a line as application/x-ndjson", "nothing of the request was written")
		f.Events = []EventFault{{Index: 0, Reason: string(event.CodeNotJSON), Detail: err.Error(), At: int(at)}}
		return false, f
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		if err == nil {
			err = errors.New("want [")
		}
		return broken(dec.InputOffset(), err)
	}
	for dec.More() {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return broken(dec.InputOffset(), err)
		}
		if !add(raw) {
			return false, nil
		}
	}
	if _, err := dec.Token(); err != nil {
		return broken(dec.InputOffset(), err)
	}
	if rest := body[dec.InputOffset():]; firstByte(rest) != 0 {
		return broken(dec.InputOffset(), errors.New("something follows the array"))
	}
	return true, nil
}

// cloudHeaders turns the attributes of a binary CloudEvent into record headers, as
// Kafka's binding of CloudEvents names them.
func cloudHeaders(h http.Header) event.Headers {
	var out event.Headers
	for name, values := range h {
		if attr, ok := strings.CutPrefix(name, "Ce-"); ok && len(values) > 0 {
			out = event.AppendHeader(out, "ce_"+strings.ToLower(attr), []byte(values[0]))
		}
	}
	if ct := h.Get("Content-Type"); ct != "" {
		out = event.AppendHeader(out, "content-type", []byte(ct))
	}
	return out
}
