// Package cohort follows the matured days of one version of a model: what may be
// learnt from which day, what a day is held against, and the report of a week. It is
// pure: the historian brings the days in and stores what comes out.
//
// Words. A day is the predictions of one UTC day of event time, with the labels that
// had come when the day was mature: those with an event time up to the end of the day
// and the maturity. A window is the newest WindowDays days. Its report is mature, with
// realised figures, or expected, with estimated ones alone.
//
// Invariants (numbers that tests point at):
//
//	C1  an estimate rests on labels before the window only: a day is learnt from if its
//	    end and the maturity lie at or before the window's begin
//	C2  days whose window was read as concept drift are not learnt from: the estimate
//	    goes on to say what the model promised, not what it has come down to
//	C3  what a window is held against does not move with it: the version's first
//	    ReferenceDays days that C1 allows
//	C4  a day's counts do not depend on when they were made: labels of a later event
//	    time than the day's maturity are not there
//	C5  every figure has a number or a reason, the share of labels stands beside them
//	C6  an estimate says whether it follows the window's inputs, and why not; what it
//	    reads of them is a sample of bounded size, drawn without regard to the values
//
// A label that is corrected before the maturity counts with its last value. A correction
// that comes later does not restate the day: it would make its maturity another one than
// that of the days it is held against.
package cohort
