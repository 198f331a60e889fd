// Package packed reads driftline.v1.Event, the protobuf message of event.proto: the
// fastest way in, for producers and for the one who reads.
//
// Words: the order is the list of feature names that producer and configuration agree
// on; features travel as packed doubles in that order, without names.
//
// What it promises:
//
//   - A pure function of the record's bytes, the order and the limits.
//   - No allocation per record once it has read one, and no copy of text: an event holds
//     on to the record's bytes.
//   - Everything protobuf allows: fields in any order, given twice (the last one counts,
//     features add up), unpacked doubles, unknown fields. Framing of a schema registry is
//     taken off; no message of protobuf begins with a zero byte, so nothing is guessed.
//   - A record with another number of features than the order has is dead, never
//     shifted.
//
// NaN stands for a missing value, for protobuf has no null inside packed doubles.
package packed
