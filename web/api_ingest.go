package web

import (
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// IngestAnswer is what a request with events is answered.
type IngestAnswer struct {
	Events int `json:"events" doc:"Events that were read, written and acknowledged by the brokers."`
}

// IngestProblem is a Problem that names bad events.
type IngestProblem struct {
	Title  string       `json:"title" doc:"Kind of the fault in a few words."`
	Status int          `json:"status" doc:"HTTP status."`
	Detail string       `json:"detail,omitempty" doc:"What was wrong."`
	Next   string       `json:"next,omitempty" doc:"What to do about it."`
	Events []EventFault `json:"events,omitempty" doc:"The first 16 bad events."`
	More   int          `json:"more,omitempty" doc:"Further bad events."`
}

// EventFault says what is wrong with one event.
type EventFault struct {
	Index  int    `json:"index" doc:"Of the event in the request, from 0."`
	Reason string `json:"reason" doc:"As dead letters have it, such as no_model."`
	Detail string `json:"detail"`
	At     int    `json:"at" doc:"Byte of the event."`
}

// ingestPath is where events come in.
const ingestPath = "/api/v1/ingest"

// ingestRoute takes events. Its handler authorizes senders itself.
func ingestRoute() route {
	return route{method: http.MethodPost, path: ingestPath, role: RoleSender, summary: "Send events", mount: func(s *server, rt route) {
		s.describeIngest(rt)
		s.mux.HandleFunc(rt.method+" "+rt.path, func(w http.ResponseWriter, r *http.Request) {
			if s.Ingest == nil {
				writeProblem(w, &Problem{
					Status: http.StatusNotFound, Title: "No events are taken here", Detail: "the way in over HTTP is off",
					Next: "set ingest.enabled and tokens in the configuration of role serve, or write to the topics",
				})
				return
			}
			s.Ingest.ServeHTTP(w, r)
		})
	}}
}

func (s *server) describeIngest(rt route) {
	doc := s.api.OpenAPI()
	schemas := doc.Components.Schemas
	if doc.Components.SecuritySchemes == nil {
		doc.Components.SecuritySchemes = map[string]*huma.SecurityScheme{}
	}
	doc.Components.SecuritySchemes["sender"] = &huma.SecurityScheme{Type: "http", Scheme: "bearer", Description: "A token of ingest.token_file or ingest.tokens."}
	schemaOf := func(v any, hint string) *huma.Schema { return schemas.Schema(reflect.TypeOf(v), true, hint) }
	event := func(text string) *huma.MediaType {
		return &huma.MediaType{Schema: &huma.Schema{Description: text}}
	}
	problem := func(text string) *huma.Response {
		return &huma.Response{Description: text, Content: map[string]*huma.MediaType{"application/problem+json": {Schema: schemaOf(IngestProblem{}, "IngestProblem")}}}
	}
	later := problem("Too many events or requests at one time; send again after Retry-After")
	later.Headers = map[string]*huma.Param{"Retry-After": {Description: "Seconds.", Schema: &huma.Schema{Type: "integer"}}}
	doc.AddOperation(&huma.Operation{
		Method: rt.method, Path: rt.path, OperationID: operationID(rt.method, "ingest"), Summary: rt.summary,
		Description: "Needs the role " + rt.role + ": a token, not a user. All events of a request are written or none. The answer comes after the brokers' acknowledgement.",
		Metadata:    map[string]any{"role": rt.role}, Security: []map[string][]string{{"sender": {}}},
		Parameters: []*huma.Param{{Name: "format", In: "query", Description: "Format of the records where headers do not tell it: native, cloudevents, or another that is configured.", Schema: &huma.Schema{Type: "string"}}},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/json":                   event("One event of /api/v1/schemas/event.json, or an array of them. With ce- headers: a binary CloudEvent whose data it is."),
			"application/x-ndjson":               event("One event a line."),
			"application/cloudevents+json":       event("A CloudEvent whose data is an event."),
			"application/cloudevents-batch+json": event("An array of CloudEvents."),
		}},
		Responses: map[string]*huma.Response{
			"200": {Description: "Acknowledged", Content: map[string]*huma.MediaType{"application/json": {Schema: schemaOf(IngestAnswer{}, "IngestAnswer")}}},
			"202": {Description: "Acknowledged; to CloudEvents, with an empty body"},
			"400": problem("An event cannot be read; nothing was written"),
			"401": problem("No token, or one that is not known"),
			"413": problem("Too large, or too many events"),
			"415": problem("A media type, encoding or format that is not read"),
			"429": later,
			"503": problem("The brokers did not acknowledge: the events may have been written or not"),
		},
	})
}
