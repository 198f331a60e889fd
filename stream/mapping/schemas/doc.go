// Package schemas asks a Confluent-compatible schema registry for Avro schemas by id.
//
// What it promises:
//
//   - An answer is kept for the life of the process: ids never change their meaning. A
//     record's schema is looked up here before the record is read (Prepare), and reading
//     itself only sees what is kept (Schema): so the result is a function of the record.
//   - A registry that is out of reach, refuses the login or answers with nonsense is an
//     error of Prepare, never an answer: the caller waits and asks again, and the records
//     stay unread. Only the registry's own "schema not found" (404 with error_code 40403),
//     given three times, makes an id unknown, and so the record dead.
//   - A schema that exists but is no Avro schema refuses its records with the reason.
//   - Bounded: time, size of answers, number and depth of references, redirects (none).
//
// Secrets are sent over TLS only, but for loopback, and stand in no error and no log.
//
// Source: Confluent Schema Registry API reference, "Schemas" and "Subjects"; Karapace,
// Apicurio (ccompat) and Redpanda answer the same.
package schemas
