package reference_test

import (
	"testing"

	"github.com/driftline/driftline/trainer/reference"
)

// A version that serves again knows days of its time before; none of them comes into
// question, nor makes performance known.
func TestLastGood_OfAVersionThatServesAgain(t *testing.T) {
	t.Parallel()
	before := serving(func(l *reference.LastGood) {
		l.PromotedMS, l.UntilMS = at(25), at(40)
		l.Known = known(10, nil) // days 0 to 9
	})
	g := before.Choose()
	if !g.OK || g.Known || g.FromMS != at(25) {
		t.Errorf("with labels of the time before alone: %+v", g)
	}
	after := before
	after.Known = append(known(10, map[int]int64{9: 0}), reference.KnownDay{StartMS: at(30), Labelled: 60, Classed: 60, Right: 55})
	g = after.Choose()
	if g.OK && g.FromMS < at(25) {
		t.Errorf("days of the time before: %+v", g)
	}
	if !g.Known {
		t.Errorf("labels since are not known: %+v", g)
	}
}
