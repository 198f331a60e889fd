// Package mlflow speaks MLflow's REST API over package store, so that MLflow
// clients work with Driftline's registry unchanged: experiments, runs, metrics,
// logged models, registered models, versions, aliases, stages, and artifacts
// through the server.
//
// Invariants:
//
//	M1  every route names the role it needs; what has no route is refused
//	M2  a JSON request is one transaction: all of it is done, or nothing
//	M3  paths, hosts and origins are judged on the raw request, before routing
//	M4  a version's source is checked when it is set and when it is read; the
//	    server fetches nothing from an address a client names
//	M5  no answer holds SQL, file paths of the server or inner errors
//
// Numbers on the wire: int64 as JSON numbers; NaN as the string "NaN". A field that
// is set to its zero value is sent, a field that is not set is left out.
//
// The package knows neither users nor passwords: Config.Authorize does.
package mlflow
