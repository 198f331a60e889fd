// Package embedded runs a broker of Kafka's protocol inside this process, for
// development, demos and small single-node use: kfake of the franz-go project,
// with a data directory, behind an interface of our own. Clients reach it over
// loopback like any broker (kafka-go, librdkafka, kcat); nothing in Driftline
// takes another path because the broker is embedded.
//
// What is added to kfake:
//
//   - Timestamp bounds. Every produce request is checked against the topic's
//     message.timestamp.after.max.ms and before.max.ms (a topic that sets none gets
//     Config's), record by record; batches outside are answered INVALID_TIMESTAMP
//     and not stored. A record without a time (−1) passes, as with Apache Kafka.
//   - Every topic carries retention.ms and retention.bytes, whoever makes it: kfake
//     trims only topics that set one, and its start-up reads what it holds. A topic
//     that is only compacted is never trimmed by age or size.
//   - Offsets are given once: a partition that retention has emptied goes on at its
//     end after a restart, where kfake would begin at 0.
//   - Start refuses a data directory that is damaged, where kfake would cut it
//     short and go on; and a taken port. Both before a byte is written.
//
// A topic for historical record times has message.timestamp.before.max.ms at
// 9223372036854775807 and retention.ms at −1 (see [Historical]), or retention
// would empty it at once.
//
// Limits: one node, no replication, one core. With Config.SyncWrites an
// acknowledged record survives a power cut; without, only a crash of the process.
// Keep the sum of retention.bytes within what may be read at start. Transactions,
// ACLs and groups are kfake's.
package embedded
