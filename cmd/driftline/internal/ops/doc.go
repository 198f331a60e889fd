// Package ops serves what watches the process rather than what uses it: /livez,
// /readyz and /metrics, without login, on an address of its own.
//
//	/livez            200 while the process serves
//	/readyz           200 once started, until stopping, while every check passes; else 503
//	/readyz?verbose   the same with one line per check
//	/metrics          the registry that was injected
//
// Roles name their checks with Check. A check must return soon after its context
// ends; each gets CheckTimeout, and all run at once. A check that still runs from an
// earlier request is not started again: that request counts it as failed.
//
// Order of a stop: Stopping (readiness off), the roles finish, then the context of
// Serve ends, so that the last seconds can still be watched.
package ops
