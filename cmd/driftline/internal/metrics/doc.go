// Package metrics shows on /metrics what operators ask about: the state of every
// watched model, how far the stream is, what became of the records, the retrains.
//
// There are two sources. What stands in the database is read when somebody asks,
// within ReadTimeout, and kept for CacheFor; so any process with the database shows
// the same numbers and nothing has to be counted twice. What only the process knows
// (repeated calls, lost records, writes of the registry) is counted by the methods
// of Metrics.
//
// Invariants:
//
//	M1  user data makes no series: labels are names from the configuration and the
//	    database, cleaned; any other model is "_unknown"
//	M2  at most Config.MaxSeries series come from the database; what is left out is
//	    counted in driftline_metrics_models_dropped
//	M3  if the database does not answer, its series are gone and
//	    driftline_store_up is 0: a frozen number looks healthy
//	M4  a counter never falls while the process lives, whatever retention removes
//
// Every metric stands in Catalog with its question; docs/metrics.md and
// testdata/metrics.golden must say the same. Renaming one breaks dashboards.
//
// The package does not serve HTTP (package ops) and decides nothing.
package metrics
