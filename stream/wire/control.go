package wire

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/driftline/driftline/sketches"
)

// MaxControl is the size above which a control value is split into parts.
const MaxControl = 512 << 10

// maxControlParts bounds what an assembler puts together.
const maxControlParts = 128

// LargestControl is the most bytes of a control value that readers put together: 64 MB.
const LargestControl = maxControlParts * MaxControl

// ErrControl marks a control record that cannot be used; it then does not exist.
var ErrControl = errors.New("control record unusable")

// Control is one whole control record in log order.
type Control struct {
	Offset int64  // of the record, or of the manifest where the value was split
	Kind   string // layout, model, grid, fold, reference, policy, exclusions
	ID     string
	Seq    int64
	Value  []byte // frame
}

// KeyValue is a record without a place.
type KeyValue struct{ Key, Value []byte }

// Key returns the record key "kind/id/sequence".
func (c Control) Key() string { return c.Kind + "/" + c.ID + "/" + strconv.FormatInt(c.Seq, 10) }

// Records returns the records that carry c: one, or the parts followed by a manifest
// with part count, length and SHA-256. All of them go to one partition; the parts
// must be acknowledged before the manifest is written.
func (c Control) Records() []KeyValue {
	if len(c.Value) <= MaxControl {
		return []KeyValue{{Key: []byte(c.Key()), Value: c.Value}}
	}
	var out []KeyValue
	n := 0
	for rest := c.Value; len(rest) > 0; n++ {
		size := min(len(rest), MaxControl)
		var e sketches.Encoder
		e.Bytes(rest[:size])
		out = append(out, KeyValue{
			Key:   []byte("part/" + c.Key() + "/" + strconv.Itoa(n)),
			Value: sketches.Frame(KindPart, schema, e.Data()),
		})
		rest = rest[size:]
	}
	sum := sha256.Sum256(c.Value)
	var e sketches.Encoder
	e.Count(n)
	e.Uvarint(uint64(len(c.Value)))
	e.Raw(sum[:])
	return append(out, KeyValue{Key: []byte(c.Key()), Value: sketches.Frame(KindManifest, schema, e.Data())})
}

// Assembler turns the records of the control topic into whole control records.
// Without a whole, matching manifest a split record does not exist; of two records
// with one key the first in log order stands.
type Assembler struct {
	seen  map[string]bool
	parts map[string][]byte
}

// Add takes the next record. ok is false where it completes nothing; err says why a
// record was refused, and the caller counts it and goes on.
func (a *Assembler) Add(offset int64, key, value []byte) (c Control, ok bool, err error) {
	if a.seen == nil {
		a.seen, a.parts = map[string]bool{}, map[string][]byte{}
	}
	k := string(key)
	if rest, isPart := strings.CutPrefix(k, "part/"); isPart {
		d, err := open(value, KindPart, "control part "+k)
		if err != nil {
			return c, false, fmt.Errorf("%w: %w", ErrControl, err)
		}
		body := d.Bytes()
		if err := d.Finish(); err != nil {
			return c, false, fmt.Errorf("%w: part %s: %w", ErrControl, k, err)
		}
		if _, had := a.parts[rest]; !had {
			a.parts[rest] = body
		}
		return c, false, nil
	}
	c, err = parseControlKey(k)
	if err != nil {
		return c, false, err
	}
	if a.seen[k] {
		return c, false, nil
	}
	kind, err := Peek(value)
	if err != nil {
		return c, false, fmt.Errorf("%w: %s: %w", ErrControl, k, err)
	}
	c.Offset, c.Value = offset, value
	if kind == KindManifest {
		if c.Value, err = a.join(k, value); err != nil {
			return c, false, err
		}
	}
	a.seen[k] = true
	return c, true, nil
}

func (a *Assembler) join(key string, manifest []byte) ([]byte, error) {
	d, err := open(manifest, KindManifest, "manifest "+key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrControl, err)
	}
	n, length := d.Uvarint(), d.Uvarint()
	want := d.Raw(sha256.Size)
	if err := d.Finish(); err != nil {
		return nil, fmt.Errorf("%w: manifest %s: %w", ErrControl, key, err)
	}
	if n > maxControlParts || length > LargestControl {
		return nil, fmt.Errorf("%w: manifest %s: %d parts of %d bytes in all, at most %d parts", ErrControl, key, n, length, maxControlParts)
	}
	var whole []byte
	for i := range n {
		part, ok := a.parts[key+"/"+strconv.FormatUint(i, 10)]
		if !ok {
			return nil, fmt.Errorf("%w: %s: part %d of %d is missing", ErrControl, key, i, n)
		}
		whole = append(whole, part...)
	}
	sum := sha256.Sum256(whole)
	if uint64(len(whole)) != length || string(sum[:]) != string(want) {
		return nil, fmt.Errorf("%w: %s: parts do not match their manifest", ErrControl, key)
	}
	for i := range n {
		delete(a.parts, key+"/"+strconv.FormatUint(i, 10))
	}
	return whole, nil
}

func parseControlKey(k string) (c Control, err error) {
	first, last := strings.IndexByte(k, '/'), strings.LastIndexByte(k, '/')
	if first <= 0 || last <= first+1 {
		return c, fmt.Errorf("%w: key %.100q, want kind/id/sequence", ErrControl, k)
	}
	c.Kind, c.ID = k[:first], k[first+1:last]
	if c.Seq, err = strconv.ParseInt(k[last+1:], 10, 64); err != nil {
		return c, fmt.Errorf("%w: key %.100q: sequence is not a number", ErrControl, k)
	}
	return c, nil
}
