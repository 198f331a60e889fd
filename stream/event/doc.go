// Package event reads and writes Driftline's native events: what a prediction
// service says about one row, as one JSON object in one record.
//
// Words: an event is a feature, a prediction, a label or a tick. A tick only
// moves time. A dead record is one that is not an event; its Reason has a stable
// code, which counters and dead letters carry.
//
// What the package promises:
//
//   - A pure function of bytes and limits: no clock, no I/O, no state between
//     two records that could change an answer. The same bytes give the same event
//     or the same reason on every machine (P2, P4).
//   - Every byte string gets one answer, an event or a *Reason (P3); it never
//     panics and never recurses, so nesting cannot exhaust the stack.
//   - Strict JSON (RFC 8259): what is accepted here every JSON reader accepts, and
//     reads as the same values. Ambiguous input, such as a key given twice, is
//     refused rather than read in one of two ways.
//   - Numbers are the float64 nearest to the text; times are whole milliseconds,
//     floored towards −∞ from finer text.
//
// What it does not do: it knows no models, features or grids, judges no lateness,
// and maps no foreign payloads.
//
// How it is quick: producers write thousands of events alike but for the values. The
// Decoder keeps templates of accepted events, the bytes between values, and compares
// eight of them at a time; then only values are left to be read. Whatever fits no
// template is read by the rules, key by key, and that way alone makes Reasons and
// templates. Tests and fuzzing hold the two ways against each other and against other
// libraries, bit by bit.
//
// Ownership: a Decoder belongs to one goroutine. Strings and slices of a decoded
// Event are valid until the next Decode with the same Decoder or Event, and as long as
// the bytes of the record; keep one longer with strings.Clone. Only a Shape and its
// names may be kept as they are.
//
// The order of faults is fixed: size, encoding, then the first fault in the order
// of the text, then what is missing. The shape is published as a JSON Schema, see
// Schema; the code lists it cannot express stand at Code.
package event
