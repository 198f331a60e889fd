// Package bench measures what counting an event costs, in CPU time, beside what others
// would pay for the same events: `driftline bench ingest`.
//
// The broker runs as a process of its own, so that what it costs is not counted. Every
// round measures each layer alone and the whole, one after the other, so that a noisy
// machine disturbs all of them alike; what is reported is the median over the rounds.
//
//	fetch    records of a topic, out of the connection and their batches
//	decode   native JSON from memory
//	fold     decoded events from memory, with the encoding of what is published
//	whole    the collecting role: fetch, decode, fold, publish, commit
//	library  fastjson, reused parser, numbers of the same events and nothing else
//	plain    the usual way: kafka-go's Reader, encoding/json into a map, sort.Search
package bench
