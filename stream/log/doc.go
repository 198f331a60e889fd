// Package log is the broker as the rest of Driftline sees it: partitions, records,
// fetch, append, commit. It holds types, one interface and the errors callers
// branch on; the implementations are stream/memlog and stream/kafka, and the
// conformance suite in stream/log/logtest holds for both.
//
// Fetch gives records that the caller may keep; a Session reads many partitions with
// buffers that it uses again, for the readers that must be quick.
//
// Delivery is at least once everywhere. Nothing here retries, and nothing here
// knows what a record means.
package log
