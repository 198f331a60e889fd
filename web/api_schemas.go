package web

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// serveAsyncAPI describes the topics.
func serveAsyncAPI(s *server) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if s.AsyncAPI == nil {
			writeProblem(w, &Problem{Status: http.StatusNotFound, Title: "Topics are not described here", Next: "driftline topics create --print asyncapi prints the document"})
			return
		}
		w.Header().Set("Content-Type", "application/vnd.aai.asyncapi+json;version=3.0.0")
		_, _ = w.Write(s.AsyncAPI) // the client may be gone
	}
}

// serveSchema gives one JSON Schema, asked for as NAME.json.
func serveSchema(s *server) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		text, ok := s.Schemas[strings.TrimSuffix(r.PathValue("schema"), ".json")]
		if !ok {
			writeProblem(w, &Problem{
				Status: http.StatusNotFound, Title: "No such schema", Detail: "schemas are named " + strings.Join(slices.Sorted(maps.Keys(s.Schemas)), ", "),
				Next: "ask for one of them, such as /api/v1/schemas/event.json",
			})
			return
		}
		w.Header().Set("Content-Type", "application/schema+json")
		_, _ = w.Write(text) // the client may be gone
	}
}
