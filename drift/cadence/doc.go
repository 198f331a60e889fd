// Package cadence says when rows of a model are to be expected: which hours are quiet,
// how many rows a span of time should hold and with what spread, and from when on a
// delivery is overdue. Without it every weekend would look like an outage.
//
// There are two sources. What is declared (Plan) comes first: a delivery at least every
// so long, counted in the open time of a calendar of weekdays, hours and holidays in a
// declared zone. What is learnt (Volume) fills in: the rows of every hour of the last
// weeks, kept as integers by event time, compared at the same hour of the week. A unit
// is an hour, or a slot where that is longer; a week then has 168 of them or fewer.
//
// Invariants:
//
//	A1  an hour that was marked unknown stands in no expectation
//	A2  nothing is expected before MinWeeks of the same hours are known
//	A3  a merge gives the counts that one reader of both inputs had
//	A4  encoded and decoded again, a Volume answers the same
//
// Daylight saving: a zone is a table of shifts, made where the configuration is read, so
// that the same policy means the same hours on every machine and for ever. The hour that
// comes twice is open twice, the missing one not at all. What is learnt is in UTC; an hour
// early or late is no news to it (see Volume.Expect).
//
// The package knows no clock and decides nothing about alarms: see drift.Step.
package cadence
