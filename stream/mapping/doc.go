// Package mapping turns the records that prediction services already write into
// Driftline's events: flat JSON, CloudEvents, the payloads of KServe and Seldon Core 2,
// Open Inference (V2), Avro and packed protobuf.
//
// Words: a mapping is a format and, for each field of an event, a source: a path in the
// payload, an attribute, a header, the key or a constant. A record that carries an array
// of rows fans out to one event each.
//
// What the package promises:
//
//   - Reading is a pure function of record, mapping and schema (P2, P4). Schemas are
//     named by ids that never change their meaning; whoever reads makes sure that a
//     schema is there before the record is (package schemas), so a registry that is out
//     of reach holds reading up and never decides what a record is.
//   - Every record gives events or one *event.Reason (P3). Nothing panics or recurses
//     beyond a bound, whatever the bytes.
//   - Nothing is remembered from one record to the next. Request and response of an
//     inference become a feature and a prediction event of the same id; they meet in the
//     examples (docs/adr/0017).
//   - What native events refuse is refused here too: names, ranges, keys given twice.
//
// What it does not do: expressions (when, transform), look-ups, weights.
//
// Subpackages: tree holds a payload, packed and avro are binary formats, v2 reads Open
// Inference payloads, schemas asks a registry (the only one with I/O).
package mapping
