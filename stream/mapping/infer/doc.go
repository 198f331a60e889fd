// Package infer proposes a mapping from a sample of records. It knows what the formats
// look like and guesses, in flat JSON, which member is time, id, score and so on by name
// and by what the values are.
//
// A proposal is a beginning: every guess is told in a note, and the records of the sample
// that it cannot read are counted. Nothing here decides how records are read later; that
// is the configuration's, which a person has seen.
package infer
