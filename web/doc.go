// Package web serves Driftline's native API and its plain pages.
//
// The API is JSON below /api/v1, described by /api/v1/openapi.json, which is made
// from the same Go types that answer. /api/ml/models/{strategy} answers what the ACIS
// platform asks for. Pages are server-rendered HTML with drawings in SVG: they need
// no script, load nothing from elsewhere and change nothing; acts go through the API
// or the command line. The MLflow routes are package mlflow's and are mounted beside.
//
// Words are those of users: model, feature, window, reference, alarm, drift event,
// retrain, gate, version, champion. Times of windows and alarms are event time.
//
// Invariants:
//
//	W1  every route has a role in one table (routes); a test walks it
//	W2  a changing call needs a JSON body, comes from no other site, and says why
//	W3  no data never reads as no drift: a cell without a verdict is hatched or blank
//	W4  a fault of outside input answers with title, status, detail and the next step;
//	    inner errors stay in the log
//
// Package web decides nothing: it reads what package store keeps and explains it.
// What must act beyond the store (starting a retrain, checking a model's settings) is
// handed in by its caller as functions.
package web
