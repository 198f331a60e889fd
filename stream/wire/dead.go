package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// SampleBytes is how much of a dead record its letter keeps.
const SampleBytes = 16 << 10

// DeadLetter says why a record could not be read.
type DeadLetter struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	TimeMS    int64  `json:"time_ms"`
	Reason    string `json:"reason"`
	Detail    string `json:"detail"`
	At        int    `json:"at"`
	Size      int    `json:"size"`
	Sample    []byte `json:"sample"` // base64, the first SampleBytes
}

// Sample returns at most the first SampleBytes of a record.
func Sample(b []byte) []byte { return bytes.Clone(b[:min(len(b), SampleBytes)]) }

// Encode returns canonical JSON.
func (d DeadLetter) Encode() []byte { return canonical(d) }

// DecodeDeadLetter reads what Encode wrote.
func DecodeDeadLetter(b []byte) (d DeadLetter, err error) {
	if err := json.Unmarshal(b, &d); err != nil {
		return d, fmt.Errorf("dead letter: %w", err)
	}
	return d, nil
}

// canonical encodes with fixed field order, no spaces and no HTML escapes. Types
// given to it hold nothing that JSON cannot carry.
func canonical(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("canonical JSON of %T: %v", v, err)) // a type of ours that cannot be encoded
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}
