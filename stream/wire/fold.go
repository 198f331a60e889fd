package wire

import (
	"fmt"
	"math/bits"

	"github.com/driftline/driftline/sketches"
)

// FullRate is the thinning rate that keeps every record, in parts per billion.
const FullRate uint64 = 1_000_000_000

// Fold says how records are read from a pane on: by which decoder, and how many of
// them. A new number stands for any change of either; partials of another number than
// the one in force for their pane are ignored, so that old and new never mix.
type Fold struct {
	Number   int32 // 1, 2, … in the order of the control topic; 0 stands for what was before any
	FromPane int64
	Rate     uint64      // records kept, in parts per billion: 1 to FullRate
	Decoder  sketches.ID // digest of decoder and mapping
}

// Keep is what a record's hash is held against.
type Keep struct {
	All   bool
	Below uint64
}

// Keep returns the limit of the fold: a record is kept iff the hash of its value is
// below rate · 2⁶⁴.
func (f Fold) Keep() Keep {
	if f.Rate >= FullRate {
		return Keep{All: true}
	}
	below, _ := bits.Div64(f.Rate, 0, FullRate)
	return Keep{Below: below}
}

// Keeps reports whether a record of that hash is kept.
func (k Keep) Keeps(hash uint64) bool { return k.All || hash < k.Below }

// More reports whether k keeps records that o does not. Of two limits one keeps all
// that the other does.
func (k Keep) More(o Keep) bool { return !o.All && (k.All || k.Below > o.Below) }

// Encode returns the framed bytes.
func (f Fold) Encode() []byte {
	var e sketches.Encoder
	e.Varint(int64(f.Number))
	e.Varint(f.FromPane)
	e.Uvarint(f.Rate)
	encodeID(&e, f.Decoder)
	return sketches.Frame(KindFold, schema, e.Data())
}

// DecodeFold reads what Encode wrote.
func DecodeFold(b []byte) (f Fold, err error) {
	d, err := open(b, KindFold, "fold")
	if err != nil {
		return f, err
	}
	f.Number = decodeInt32(d, "number")
	f.FromPane = d.Varint()
	f.Rate = d.Uvarint()
	f.Decoder = decodeID(d)
	if f.Number < 1 {
		d.Fail("fold number %d, want 1 or more", f.Number)
	}
	if f.Rate < 1 || f.Rate > FullRate {
		d.Fail("rate of %d parts per billion, want 1 to %d", f.Rate, FullRate)
	}
	return f, d.Finish()
}

// activeFold is a fold with the offset of the record that put it in force.
type activeFold struct {
	Fold
	offset int64
}

// addFold puts a fold in force. Numbers ascend, so that the newest record that names a
// pane at or before one's own decides.
func (v *View) addFold(f Fold, offset int64) error {
	if n := len(v.folds); n > 0 && f.Number <= v.folds[n-1].Number {
		return fmt.Errorf("%w: fold %d after fold %d, want ascending numbers", ErrControl, f.Number, v.folds[n-1].Number)
	}
	v.folds = append(v.folds, activeFold{f, offset})
	return nil
}

// Fold returns the fold in force for a pane.
func (v *View) Fold(pane int64) Fold {
	for i := len(v.folds) - 1; i >= 0; i-- {
		if v.folds[i].FromPane <= pane {
			return v.folds[i].Fold
		}
	}
	return Fold{Rate: FullRate}
}

// NewestFold returns the fold put in force last; ok is false where there is none.
func (v *View) NewestFold() (f Fold, ok bool) {
	if len(v.folds) == 0 {
		return f, false
	}
	return v.folds[len(v.folds)-1].Fold, true
}

// Folds reports whether control has put any fold in force.
func (v *View) Folds() bool { return len(v.folds) > 0 }
