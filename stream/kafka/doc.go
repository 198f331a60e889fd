// Package kafka is the log seam on Apache Kafka's protocol, by kafka-go. The same
// code talks to a cluster and to the embedded broker (package kafka/embedded).
//
// What it promises beyond log.Log, each against a trap of the protocol or library:
//
//   - Fetch reads record batches itself: CRC checked, LogAppendTime honoured,
//     records before the asked offset dropped, aborted transactions left out and
//     counted, transaction markers skipped, decompression bounded.
//   - A Session asks each leader for all its partitions in one request and hands out
//     batch by batch from buffers that it uses again: nothing is allocated per record.
//   - Partitions asks the broker each time; it never answers from a cache.
//   - An offset that is not held is log.ErrOutOfRange. Nothing ever skips forward.
//   - Record times are stored as given, log.NoTime and 0 included.
//   - A request that failed in a way that may pass is tried again, on new
//     connections, until Config.RetryTimeout; one function (classify) decides.
//
// An append that is tried again may be stored twice: delivery is at least once.
// Commits are made outside any group generation (generation −1), which a broker
// accepts only while the group has no live members: Join therefore makes members of
// another group, named after the first (Members).
//
// Package kafka and its subpackages are the only ones that import kafka-go.
package kafka
