package sketches

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// ID is the first 16 bytes of a SHA-256, the form of every content hash.
type ID [16]byte

// String gives 32 lower-case hex digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// IsZero reports whether the id was never set.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText and UnmarshalText make an ID a hex string in JSON and YAML.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is ParseID for encoders.
func (id *ID) UnmarshalText(b []byte) error {
	p, err := ParseID(string(b))
	if err != nil {
		return err
	}
	*id = p
	return nil
}

// ParseID reads what String wrote: exactly 32 hex digits.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 2*len(id) {
		return ID{}, fmt.Errorf("id %.40q: want 32 hex digits, found %d characters", s, len(s))
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return ID{}, fmt.Errorf("id %q: want 32 hex digits: %w", s, err)
	}
	return id, nil
}

// HashFields returns the id of fields in the order given: SHA-256 over each field
// with its length in front, so that ("ab","c") and ("a","bc") differ.
func HashFields(fields ...[]byte) ID {
	var e Encoder
	for _, f := range fields {
		e.Bytes(f)
	}
	return hashBytes(e.Data())
}

func hashBytes(b []byte) ID {
	sum := sha256.Sum256(b)
	return ID(sum[:16])
}
