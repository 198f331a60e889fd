// Package ingest takes events over HTTP and writes them to the input topics: the way in
// for services that do not speak Kafka.
//
// What it promises:
//
//   - Deny by default: a request without the token of a known sender is refused before
//     its body is read. Tokens are compared as digests in constant time.
//   - All or nothing: every event of a request is read with the decoder that collect uses
//     before the first is written. A request with one bad event writes nothing, and the
//     answer names the event, the reason as a dead letter would, and the byte.
//   - It answers 2xx only after the brokers have acknowledged every record. Where they
//     do not in time it answers 503 and says that the events may have been written or
//     not: to send them again is right where they carry ids.
//   - Bounded: bodies, events, requests at one time, time to read and to write, and events
//     a second per sender. What is refused is counted by result, nothing is dropped.
//
// Formats: native events, one or an array or a line each; CloudEvents 1.0, structured,
// in a batch or binary, around native events; other formats by the readers that Config
// names. Events of other formats are written as native ones, so a topic holds one format.
//
// What it does not do: it knows no models and judges no times; an event that is late is
// counted as late by collect. It does not remember what it wrote.
package ingest
