package evaluate

import (
	"testing"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/stream/wire"
)

// A replay that stops and goes on takes for unknown what it took for unknown before: a
// check of a window of which it was not told.
func TestPast_WindowsNobodyToldOfStayUnknown(t *testing.T) {
	t.Parallel()
	const hour = int64(3_600_000)
	f, m := movingFold(t, layout(30, hour), wire.DefaultPolicy())
	f.cfg.Past = &wire.Past{AtMS: 2 * hour, First: 0, Unknown: true}
	f.joined = true
	k := alarmKey{wire.AnyVersion, "default", kindDrift, hour, m.refs[0].id}
	f.alarm(m, k).state = drift.AlarmState{Started: true, LastValidMS: 3 * hour} // unknown once, ok by now
	f.done, f.hasDone = 4*60-1, true
	schema := k
	schema.kind = wire.CheckSchema
	unknown := func(f *Fold) bool {
		m := f.model("m")
		defer delete(m.alarms, schema)
		return f.alarm(m, schema).state.Unknown
	}
	told := f.Past()
	told, err := wire.DecodePast(told.Encode())
	if err != nil {
		t.Fatal(err)
	}
	on, _ := movingFold(t, layout(30, hour), wire.DefaultPolicy())
	on.cfg.Past = &told
	if err := on.join(4 * 60); err != nil {
		t.Fatal(err)
	}
	if a, b := unknown(f), unknown(on); !a || !b {
		t.Errorf("a check that nobody told of is unknown: %v in one run, %v in one that stopped", a, b)
	}
	m.told[hour] = true
	told = f.Past()
	on.joined = false
	if err := on.join(4 * 60); err != nil {
		t.Fatal(err)
	}
	if a, b := unknown(f), unknown(on); a || b {
		t.Errorf("a check of a window that was told of is unknown: %v in one run, %v in one that stopped", a, b)
	}
}
