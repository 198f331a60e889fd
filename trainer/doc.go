// Package trainer turns triggers into new versions: it reads drift and performance
// events, queues retrains, and carries each one through data set, fit, judgement and
// promotion. One row of the store is one retrain; its states are those of package
// store, its reasons are sentences for people.
//
//	QUEUED → CHECKED → LEASED → DATASET → TRAINED → EVALUATED → REGISTERED → GATED
//	       → [APPROVAL] → PROMOTED → PROBATION → DONE
//
// Words: a decision is a retrain that was promoted or refused; fresh is labelled
// event time after the last decision's data; the tested model was fitted without the
// holdout and carries the gate's figures; the refit model was fitted on the whole
// window with the tested model's rounds and is what is registered and promoted.
//
// What holds (numbers as in docs/architecture.md):
//
//	P6  one active retrain per model. Every phase resumes after a crash at any point
//	    and writes once: run and version are made in the transaction that names them
//	    in the row, artifacts have paths that depend on the run alone, and every
//	    write compares the lease's fence. A promotion is one transaction, by
//	    compare-and-swap against the champion that was compared.
//	P7  an open data-quality alarm blocks a retrain when it is queued and again at
//	    the gate; a reference passes its own gate or the version is refused; an
//	    undecided gate refuses.
//
// Cool-down, freshness, probation and label visibility count in event time, from the
// clock of the trigger. Wall time is used for leases, backoff and times of rows only.
//
// Order of the gate: the decision is made on the tested model before anything is
// registered. If it passes, the version is the refit one and says so in its tag
// refit_untested; if it does not, the version is the tested model itself, and it is
// archived when the row ends as REJECTED.
//
// Package trainer publishes nothing: control records and lifecycle events go to the
// store's outbox in the transaction of what they tell.
package trainer
