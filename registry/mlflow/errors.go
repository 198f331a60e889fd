package mlflow

import (
	"context"
	"errors"
	"net/http"

	"github.com/driftline/driftline/registry/artifacts"
	"github.com/driftline/driftline/registry/store"
)

// Error codes of MLflow that this server uses.
const (
	codeInvalid     = "INVALID_PARAMETER_VALUE"
	codeBadRequest  = "BAD_REQUEST"
	codeExists      = "RESOURCE_ALREADY_EXISTS"
	codeNotFound    = "RESOURCE_DOES_NOT_EXIST"
	codeNoEndpoint  = "ENDPOINT_NOT_FOUND"
	codeConflict    = "RESOURCE_CONFLICT"
	codeState       = "INVALID_STATE"
	codeInternal    = "INTERNAL_ERROR"
	codeNotDone     = "NOT_IMPLEMENTED"
	codeUnavailable = "TEMPORARILY_UNAVAILABLE"
	codeTimeout     = "DEADLINE_EXCEEDED"
	codeExhausted   = "RESOURCE_EXHAUSTED"
)

// apiError is an answer that is not a success.
type apiError struct {
	status int
	code   string
	text   string
}

func (e *apiError) Error() string { return e.text }

func invalid(text string) error { return &apiError{http.StatusBadRequest, codeInvalid, text} }

// answerTo decides status, code and text of an error. Only texts made for users
// go out; whether the inner one needs the log is told by loud.
func answerTo(err error) (e apiError, loud bool) {
	var own *apiError
	if errors.As(err, &own) {
		return *own, own.status >= 500
	}
	var refusal *store.Fault
	text := ""
	if errors.As(err, &refusal) {
		text = refusal.Text
	}
	or := func(fallback string) string {
		if text != "" {
			return text
		}
		return fallback
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge), errors.Is(err, artifacts.ErrTooLarge):
		return apiError{http.StatusRequestEntityTooLarge, codeExhausted, "The request is larger than this server takes."}, false
	case errors.Is(err, artifacts.ErrBadPath), errors.Is(err, artifacts.ErrRoot), errors.Is(err, artifacts.ErrIsDir):
		return apiError{http.StatusBadRequest, codeInvalid, "Invalid path: the artifact path is not allowed here."}, false
	case errors.Is(err, artifacts.ErrNotFound):
		return apiError{http.StatusNotFound, codeNotFound, "There is no such artifact."}, false
	case errors.Is(err, store.ErrNotFound):
		return apiError{http.StatusNotFound, codeNotFound, or("Not found.")}, false
	case errors.Is(err, store.ErrExists):
		return apiError{http.StatusBadRequest, codeExists, or("It already exists.")}, false
	case errors.Is(err, store.ErrInvalid):
		return apiError{http.StatusBadRequest, codeInvalid, or("A value is outside what can be stored.")}, text == ""
	case errors.Is(err, store.ErrState):
		return apiError{http.StatusInternalServerError, codeState, or("Not possible in the present state.")}, false
	case errors.Is(err, store.ErrConflict):
		return apiError{http.StatusConflict, codeConflict, or("It conflicts with the present state.")}, text == ""
	case errors.Is(err, store.ErrUnavailable):
		return apiError{http.StatusServiceUnavailable, codeUnavailable, "The database does not answer; try again."}, true
	case errors.Is(err, context.DeadlineExceeded):
		return apiError{http.StatusGatewayTimeout, codeTimeout, "The request took too long."}, true
	case errors.Is(err, context.Canceled):
		return apiError{499, "CANCELLED", "The client went away."}, false
	}
	return apiError{http.StatusInternalServerError, codeInternal, "An internal error occurred; see the server's log."}, true
}

func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	e, loud := answerTo(err)
	if loud {
		s.Log.Error().Str("method", r.Method).Str("path", r.URL.Path).Int("status", e.status).Err(err).Msg("mlflow request failed")
	}
	if e.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	writeError(w, e.status, e.code, e.text)
}

func writeError(w http.ResponseWriter, status int, code, text string) {
	writeJSON(w, status, object{"error_code": code, "message": text})
}
