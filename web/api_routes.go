package web

import (
	"net/http"
	"reflect"
	"strings"
)

var problemType = reflect.TypeFor[Problem]()

// apiRoutes is the native API. Viewers read; editors steer alarms, retrains and
// settings; only admins change which version serves.
func apiRoutes() []route {
	const get, post, put = http.MethodGet, http.MethodPost, http.MethodPut
	const v, e, a = RoleViewer, RoleEditor, RoleAdmin
	return []route{
		endpoint(get, "status", v, "What runs here", getStatus),
		endpoint(get, "models", v, "Watched models, most urgent first", listModels),
		endpoint(get, "models/{model}", v, "One model: settings, versions, newest scores, parts of its traffic, open alarms", getModel),
		endpoint(put, "models/{model}", e, "Apply settings of a model, or say what would change", applyModel),
		endpoint(get, "models/{model}/scores", v, "Scores of a model, newest first", listScores),
		endpoint(get, "models/{model}/performance", v, "How good a model's answers were, realised and estimated, by week, newest first", listPerformance),
		endpoint(post, "models/{model}/promote", a, "Make a version champion", promoteVersion),
		endpoint(post, "models/{model}/rollback", a, "Go back to an earlier champion", rollbackVersion),
		endpoint(post, "models/{model}/pause", e, "Stop what acts by itself for a model; counting and judging go on", pauseModel),
		endpoint(post, "models/{model}/resume", e, "End the pause of a model", resumeModel),
		endpoint(get, "alarms", v, "Alarms, newest first", listAlarms),
		endpoint(get, "incidents", v, "Alarms of one model whose times overlap, as one; newest first", listIncidents),
		endpoint(get, "alarms/{id}", v, "One alarm with events, notes and retrains", getAlarm),
		endpoint(get, "alarms/{id}/explain", v, "Why an alarm fired, in words and figures", explainAlarm),
		endpoint(post, "alarms/{id}/ack", e, "Take an alarm up", ackAlarm),
		endpoint(post, "alarms/{id}/note", e, "Write a note to an alarm", noteAlarm),
		endpoint(get, "silences", v, "Silences in force, newest first", listSilences),
		endpoint(post, "silences", e, "Mute the notification of a model's alarms for a time", addSilence),
		endpoint(post, "silences/{id}/expire", e, "End a silence before its time", expireSilence),
		endpoint(get, "exclusions", v, "Spans of time that are kept out of references", listExclusions),
		endpoint(post, "exclusions", e, "Keep a span of event time out of a model's references", addExclusion),
		endpoint(post, "exclusions/{id}/expire", e, "End an exclusion", expireExclusion),
		endpoint(get, "retrains", v, "Retrains, newest first", listRetrains),
		endpoint(post, "retrains", e, "Ask for a retrain", triggerRetrain),
		endpoint(get, "retrains/{id}", v, "One retrain with history and gate report", getRetrain),
		endpoint(post, "retrains/{id}/approve", e, "Approve a retrain that waits for it", actOn(func(s *server) Act { return s.Approve })),
		endpoint(post, "retrains/{id}/cancel", e, "End a retrain", actOn(func(s *server) Act { return s.Cancel })),
		endpoint(post, "retrains/{id}/retry", e, "Queue a failed retrain again", actOn(func(s *server) Act { return s.Retry })),
		endpoint(get, "references", v, "References of a model, newest first", listReferences),
		endpoint(get, "streams", v, "What became of the input, and how far it is", getStreams),
		endpoint(get, "audit", v, "Audit log, newest first", listAudit),
	}
}

// filterText quotes a name for a filter of the registry's searches.
func filterText(name string) string { return "'" + strings.ReplaceAll(name, "'", "''") + "'" }
