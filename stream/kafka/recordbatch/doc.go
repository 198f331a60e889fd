// Package recordbatch reads and writes Kafka record batches, format 2.
//
// Promises: a batch is looked at only after its CRC32C was checked; the record
// time is the batch's where the log stamps records (LogAppendTime); keys and
// values are slices of the input or of one decompressed buffer, never copies;
// decompression stops at a limit; no input makes it panic.
//
// A batch on the wire, big-endian:
//
//	 0  base offset        8      43  producer id       8
//	 8  length from 12     4      51  producer epoch    2
//	12  leader epoch       4      53  base sequence     4
//	16  magic = 2          1      57  record count      4
//	17  CRC32C of 21 on    4      61  records, compressed as one
//	21  attributes         2
//	23  last offset delta  4      attributes: 0–2 codec, 3 log append time,
//	27  first time         8                  4 transactional, 5 control
//	35  largest time       8
//
// Source: the Apache Kafka documentation, "Message Format".
//
// It does not follow transactions: see package kafka, which knows which of them
// were aborted. Formats 0 and 1, gone since Kafka 4.0, are refused.
package recordbatch
