package event

import "fmt"

// Code names why a record is dead. Codes are stable: metrics, dead letters and
// their readers rely on them; new ones may be added.
type Code string

// The codes, in the order in which Codes lists them.
const (
	CodeEmpty           Code = "empty"             // no bytes, or white space alone
	CodeTooLarge        Code = "too_large"         // more bytes than the limit
	CodeBadUTF8         Code = "bad_utf8"          // not UTF-8, or an escape that is half a character
	CodeNotJSON         Code = "not_json"          // breaks the JSON grammar
	CodeNotObject       Code = "not_object"        // JSON, but not an object
	CodeTooDeep         Code = "too_deep"          // objects and arrays nested beyond the limit
	CodeDuplicateKey    Code = "duplicate_key"     // a key that is read stands twice
	CodeWrongType       Code = "wrong_type"        // a field of another JSON type than it must have
	CodeUnknownType     Code = "unknown_type"      // "type" names no type of event
	CodeBadName         Code = "bad_name"          // an empty, too long or unprintable name
	CodeBadNumber       Code = "bad_number"        // beyond float64, such as 1e999
	CodeBadTime         Code = "bad_time"          // "ts" is no time of the years 0001 to 9999
	CodeTooManyFeatures Code = "too_many_features" // more features than the limit
	CodeTooManySegments Code = "too_many_segments" // more segments than the limit
	CodeNoType          Code = "no_type"           // no "type", and nothing present that tells it
	CodeNoModel         Code = "no_model"          // no "model", and not a tick
	CodeNoID            Code = "no_id"             // a label without "id" can never be joined
	CodeNoContent       Code = "no_content"        // nothing of what the type promises
	CodeNoTime          Code = "no_time"           // the record has no timestamp; found by the reader, not by Decode
	CodeUnreadable      Code = "unreadable"        // the batch it came in cannot be decompressed or taken apart; as before

	// Those of other formats.
	CodeNotProtobuf   Code = "not_protobuf"    // breaks the wire format of protobuf
	CodeNotAvro       Code = "not_avro"        // the bytes are not what the Avro schema says
	CodeBadFrame      Code = "bad_frame"       // broken framing of a schema registry
	CodeUnknownSchema Code = "unknown_schema"  // the schema registry has no schema of that id
	CodeWrongSchema   Code = "wrong_schema"    // the schema lacks what the mapping names, or cannot be read
	CodeWrongShape    Code = "wrong_shape"     // shape, count and data, or count and feature names differ
	CodeNotCloudEvent Code = "not_cloudevent"  // attributes that a CloudEvent must have are missing or wrong
	CodeTooManyRows   Code = "too_many_rows"   // more rows in one record than the limit
	CodeServedError   Code = "served_an_error" // the inference server answered with an error instead of predictions
)

// Codes returns all codes in a fixed order, so that counters can be made before
// the first dead record.
func Codes() []Code {
	return append([]Code{
		CodeEmpty, CodeTooLarge, CodeBadUTF8, CodeNotJSON, CodeNotObject, CodeTooDeep, CodeDuplicateKey,
		CodeWrongType, CodeUnknownType, CodeBadName, CodeBadNumber, CodeBadTime, CodeTooManyFeatures,
		CodeTooManySegments, CodeNoType, CodeNoModel, CodeNoID, CodeNoContent, CodeNoTime, CodeUnreadable,
	}, ForeignCodes()...)
}

// ForeignCodes are those that only readers of other formats give, never Decode.
func ForeignCodes() []Code {
	return []Code{
		CodeNotProtobuf, CodeNotAvro, CodeBadFrame, CodeUnknownSchema, CodeWrongSchema, CodeWrongShape,
		CodeNotCloudEvent, CodeTooManyRows, CodeServedError,
	}
}

// Reason is the error of Decode: why a record is dead.
type Reason struct {
	Code   Code
	Detail string // what was found, and what to send instead
	At     int    // offset in bytes where the fault stands, 0 ≤ At ≤ length of the record
}

// Error gives "code at byte 12: detail".
func (r *Reason) Error() string {
	return fmt.Sprintf("%s at byte %d: %s", r.Code, r.At, r.Detail)
}

// dead makes a Reason. Details are bounded: quoted input goes through quote.
func dead(code Code, at int, format string, args ...any) *Reason {
	return &Reason{Code: code, At: at, Detail: fmt.Sprintf(format, args...)}
}

// quoteMax bounds how many bytes of input a detail repeats.
const quoteMax = 64

// quote shows input in a detail, cut at quoteMax bytes.
func quote(s string) string {
	if len(s) > quoteMax {
		return fmt.Sprintf("%q…", s[:quoteMax])
	}
	return fmt.Sprintf("%q", s)
}
