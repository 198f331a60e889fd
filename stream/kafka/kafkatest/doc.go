// Package kafkatest runs a real Apache Kafka, one node or three, for tests: the
// current release line, or the last one of the line before.
//
// The jars come from $DRIFTLINE_KAFKA_LIB and $DRIFTLINE_KAFKA_OLD_LIB, by default
// .cache/kafka/lib and lib-old in the repository, where .ci/kafka/fetch puts them. Where
// jars or java are missing a test is skipped with the reason; with CI=true in the
// environment it fails instead. -short skips it.
//
// Each node is a Java process of its own (KRaft, broker and controller in one) with
// a small heap, on free loopback ports, with data in the test's directory. Nodes can
// be stopped, killed, paused and started again; whatever happens, none outlives the test
// process. Tests that do nothing of this to a node share one: see Shared.
package kafkatest
