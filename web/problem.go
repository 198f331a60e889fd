package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/driftline/driftline/registry/store"
)

// Problem is what the API answers instead of a result (RFC 9457), with one member
// of our own: what to do next.
type Problem struct {
	Title  string  `json:"title" doc:"Kind of the fault in a few words."`
	Status int     `json:"status" doc:"HTTP status."`
	Detail string  `json:"detail,omitempty" doc:"What was wrong, with the values found."`
	Next   string  `json:"next,omitempty" doc:"What to do about it."`
	Errors []Fault `json:"errors,omitempty" doc:"Single faults of the input."`
}

// Fault is one fault of the input.
type Fault struct {
	Location string `json:"location,omitempty" doc:"Where, such as body.reason or query.limit."`
	Message  string `json:"message"`
	Value    any    `json:"value,omitempty" doc:"What was found there."`
}

func (p *Problem) Error() string { return p.Title + ": " + p.Detail }

// GetStatus makes a Problem an error that carries its status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is the media type of RFC 9457.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

func writeProblem(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	// The client may be gone; there is nobody left to tell.
	_ = json.NewEncoder(w).Encode(p)
}

// problem turns an error of a handler into what may be shown. Inner text is logged.
func (s *server) problem(ctx context.Context, what string, err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	p = &Problem{}
	switch {
	case errors.Is(err, store.ErrNotFound):
		p.Status, p.Title, p.Next = http.StatusNotFound, "Not found", "check the name; lists show what there is"
	case errors.Is(err, store.ErrExists), errors.Is(err, store.ErrConflict):
		p.Status, p.Title, p.Next = http.StatusConflict, "Conflict", "read the present state and try again"
	case errors.Is(err, store.ErrState):
		p.Status, p.Title, p.Next = http.StatusConflict, "Not possible now", "read the present state; the detail says what stands in the way"
	case errors.Is(err, store.ErrInvalid):
		p.Status, p.Title, p.Next = http.StatusBadRequest, "Invalid value", "correct the value and send it again"
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		p.Status, p.Title, p.Next = http.StatusServiceUnavailable, "Database does not answer", "try again; if it stays, run driftline doctor"
	default:
		p.Status, p.Title, p.Next = http.StatusInternalServerError, "Internal fault", "the server's log has the cause; try again"
	}
	var refusal *store.Fault
	if errors.As(err, &refusal) {
		p.Detail = refusal.Text
	} else if !errors.Is(ctx.Err(), context.Canceled) {
		s.Log.Error().Err(err).Str("call", what).Int("status", p.Status).Msg("call failed")
	}
	return p
}

// shapeProblem brings the faults that huma finds in a request into our form.
func shapeProblem(_ huma.Context, _ string, v any) (any, error) {
	e, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := &Problem{Title: e.Title, Status: e.Status, Detail: e.Detail, Next: "correct the request; /api/v1/openapi.json describes it"}
	for _, d := range e.Errors {
		p.Errors = append(p.Errors, Fault{Location: d.Location, Message: d.Message, Value: d.Value})
	}
	return p, nil
}
