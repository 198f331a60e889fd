package mlflow

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
)

const (
	maxDepth  = 64        // nesting of a JSON body; MLflow's own need 6
	maxQuery  = 256 << 10 // bytes of a query string
	docsHint  = " See the API docs for more information about request parameters."
	valueText = 300 // characters of an offending value that an error repeats
)

// fields is a decoded request: JSON values with numbers as json.Number, or, from a
// query, queryValue.
type fields map[string]any

// queryValue holds the values of one query argument; every one is text.
type queryValue []string

// decode reads the request's fields: the query's of a GET that has one, else those
// of the JSON body. A missing body is an empty object.
func decode(w http.ResponseWriter, r *http.Request, limit int64) (fields, error) {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	if reads && r.URL.RawQuery != "" {
		return decodeQuery(r)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, err
		}
		return nil, &apiError{http.StatusBadRequest, codeBadRequest, "The request's body could not be read."}
	}
	if len(bytes.TrimSpace(body)) == 0 && reads {
		return fields{}, nil
	}
	// A browser sends other types across sites without asking, so all but GET must
	// say JSON wherever there is a body; POST and PUT must say it in any case.
	if !reads && (len(body) > 0 || r.Method == http.MethodPost || r.Method == http.MethodPut) {
		kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || kind != "application/json" {
			return nil, invalid("Bad Request. Content-Type must be application/json.")
		}
	}
	if e := r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return nil, invalid("Bad Request. Content-Encoding is not supported; send plain JSON.")
	}
	return decodeJSON(body)
}

func decodeQuery(r *http.Request) (fields, error) {
	if len(r.URL.RawQuery) > maxQuery {
		return nil, invalid("The query string is too long.")
	}
	out := fields{}
	for key, values := range r.URL.Query() {
		// Arrays may come as "run_ids[]" from browsers.
		out[strings.TrimSuffix(key, "[]")] = queryValue(values)
	}
	return out, nil
}

// decodeJSON reads a body. A JSON string that itself holds JSON, as old clients
// send it, is read a second time.
func decodeJSON(body []byte) (fields, error) {
	for range 2 {
		body = bytes.TrimSpace(body)
		if len(body) == 0 {
			return fields{}, nil
		}
		if err := checkDepth(body); err != nil {
			return nil, err
		}
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil {
			return nil, badJSON()
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return nil, badJSON()
		}
		switch v := v.(type) {
		case map[string]any:
			return v, nil
		case nil:
			return fields{}, nil
		case string:
			body = []byte(v)
			continue
		}
		return nil, badJSON()
	}
	return nil, badJSON()
}

func badJSON() error {
	return &apiError{http.StatusBadRequest, codeBadRequest, "Malformed JSON in the request's body: expected one object."}
}

// checkDepth refuses deep nesting before the decoder builds it.
func checkDepth(body []byte) error {
	depth, text := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return invalid("The request's body is nested too deeply.")
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}
