// Package avro reads Avro's binary encoding into a tree, by the schema that the record
// was written with.
//
// Words: a frame is what the serialisers of a schema registry put before a value: a zero
// byte and the id of the schema in four bytes, most significant first.
//
// What it promises:
//
//   - A pure function of bytes and schema. Every byte string gives a tree or a reason;
//     lengths and counts are believed only as far as there are bytes and room.
//   - Records, maps, arrays, unions, enums, fixed, and the logical types that have a
//     meaning for events: timestamps carry their unit, decimals become numbers. bytes and
//     fixed without one are of the wrong type as features.
//   - Schemas refer to each other by full name, also across the references of a registry.
//
// What it does not do: resolve a writer's schema against a reader's. A mapping names
// fields, so it looks them up in whatever was written.
//
// Source: Apache Avro 1.12 specification, sections "Binary Encoding", "Names" and
// "Logical Types". The decoder is of our own for its bounds and its speed; the tests
// hold it against a library.
package avro
