// Package replay runs both folds over a range of the input in one process and
// returns the scores and drift events that live operation gave, or would have given.
//
// It reads the input, the control topic and the applied records; it writes nothing
// and reads no clock, so it can run beside live operation (P4). How fast the sources
// are read does not matter: what is final is decided by claims, not by arrival.
//
// The folds come from the caller (cmd wires them); this package only drives them.
package replay
