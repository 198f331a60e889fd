package collect

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/wire"
)

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Sparse records, each of them in a pane of its own and of every version: the panes that
// are held, and the memory they take, stay within the account.
func TestMemory_BoundsWhatASourceHolds(t *testing.T) {
	// not parallel: it looks at the heap
	s := source(t, beginning)
	s.cfg.Quota = Quota{Versions: 3, Waiting: 4}
	most := s.cfg.Quota.panes(s.cfg.Layout)
	s.most = most
	bound := Memory(s.cfg.Layout, s.view, s.cfg.Quota)
	before, held, used, cycles := heap(), 0, int64(0), 0
	offset := int64(0)
	for pane := range int64(60) {
		for v := range 8 {
			for _, class := range []string{"0", "1", "true", "x"} {
				at := pane*60_000 + 60_000
				value := fmt.Appendf(nil, `{"type":"prediction","model":"m","version":"%d","ts":%d,"score":0.%d,"prediction":"%s","features":{"x":%d}}`, v, at, 1+v, class, v)
				s.Apply(log.Record{Offset: offset, TimeMS: at, Value: value})
				offset++
				held = max(held, len(s.open))
				if !s.Full() {
					continue
				}
				used = max(used, heap()-before)
				if _, err := s.Publish(1, 1); err != nil {
					t.Fatal(err)
				}
				s.Published()
				cycles++
				if s.Full() {
					t.Fatalf("after %d cycles the source is still full: it would never read on", cycles)
				}
			}
		}
	}
	t.Logf("%d panes and %d bytes at most, %d cycles; the account allows %d panes and %d bytes", held, used, cycles, most, bound)
	if held > most || cycles == 0 {
		t.Errorf("%d panes were held, at most %d may be; %d cycles", held, most, cycles)
	}
	if used > bound {
		t.Errorf("%d bytes in use, the account allows %d", used, bound)
	}
	for _, p := range s.open {
		if n := len(p.versions); n > 3+1 {
			t.Errorf("%d versions are told apart, at most 3 and the others together", n)
		}
	}
	runtime.KeepAlive(s)
}

// A version beyond the quota is counted, under one name for all of them.
func TestQuota_FurtherVersionsAreCountedTogether(t *testing.T) {
	t.Parallel()
	p := newPane(0, 2)
	m := wire.Model{Name: "m", FeaturesFrom: "prediction"}
	for i := range 5 {
		p.version("m", fmt.Sprint(i), m).rows++
	}
	rows := map[string]uint64{}
	for k, v := range p.versions {
		rows[k.version] = v.rows
	}
	if len(rows) != 3 || rows["0"] != 1 || rows["1"] != 1 || rows[OtherVersion] != 3 {
		t.Errorf("rows %v, want one for 0 and 1, and three for %s", rows, OtherVersion)
	}
}
