// Package wire defines the records that pass between the parts of Driftline: their
// keys, their bytes and how they are ordered.
//
// Partials, frontiers, state and control use a codec of our own (sketches.Encoder):
// varints in shortest form, length-prefixed bytes, a frame with kind, schema and
// CRC32C. Equal values give equal bytes; a decoder refuses what it does not know,
// and golden bytes in testdata are kept for ever. Scores, drift events and dead
// letters are canonical JSON: fixed field order, integers only, no spaces.
//
// Layout of a frame, in bytes:
//
//	| "DRFT" | kind 1 | schema 1 | body … | CRC32C 4, little endian |
//
// Identity of a partial: (source, fold, model, version, grid, pane, chunk). Of two
// records with one identity the one with the larger through stands; equal through
// means equal value. That makes duplicates, retries and zombies harmless.
package wire
