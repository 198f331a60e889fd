package web

import (
	"testing"
)

// However many alarms parts have, that of all of the traffic stands in the drawings of its
// model.
func TestSegments_ManyAlarmsHideNoneOfAllOfTheTraffic(t *testing.T) {
	t.Parallel()
	plain := newFixture(t, nil)
	f := newFixture(t, nil)
	f.world.ManyAlarms(t, listed+1, "resolved")
	const page = "/models/bike%20demand?window=7d&range=all"
	a, b := get(t, plain.handler, page).Body.String(), get(t, f.handler, page).Body.String()
	if drawings(a) == "" || drawings(a) != drawings(b) {
		t.Error("the drawings of a model differ once parts have many alarms")
	}
	was := decode[ModelDetail](t, get(t, plain.handler, bikePath), 200)
	f.world.ManyAlarms(t, maxFiring+1, "firing")
	is := decode[ModelDetail](t, get(t, f.handler, bikePath), 200)
	if is.Status != was.Status || is.Alarms <= was.Alarms {
		t.Errorf("%s with %d alarms, was %s with %d", is.Status, is.Alarms, was.Status, was.Alarms)
	}
	whole := func(d ModelDetail) (n int) {
		for _, x := range d.Open {
			if x.Segment == "" {
				n++
			}
		}
		return n
	}
	if whole(is) != whole(was) || whole(was) == 0 {
		t.Errorf("%d open alarms of all of the traffic, were %d", whole(is), whole(was))
	}
}
