// Package replay runs both folds over a range of the input in one process and gives
// the scores and drift events that live operation gave, or would have given.
//
// It reads the input, the control topic and the state of live operation; it writes
// nothing and reads no clock, so it can run beside live operation (P4). How fast the
// sources are read does not matter: what is final is decided by claims, not by arrival.
//
// A range that begins in the middle reads as far back as its first windows look, and is
// told of the rest (wire.Past): the alarms' states from the history, the first pane and
// what was learnt from live windows from live operation's state. What neither knows is
// unknown: such alarms say nothing until their first OK, such windows are learnt anew.
//
// Results go to a Sink as they become final, each batch with the Past to resume with;
// a run that goes on from there gives the same bytes as one that was left alone. With
// Restate the lateness is unbounded over the range, and so is the memory but for the
// range: the caller says beforehand how much that is.
//
// The folds come from the caller (cmd wires them); this package only drives them.
package replay
