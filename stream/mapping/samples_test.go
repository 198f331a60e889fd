package mapping_test

import (
	"testing"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping/mappingtest"
)

// texts maps each event of a sample, by type and id, to its canonical native JSON.
func texts(t *testing.T, s mappingtest.Sample) map[string]string {
	t.Helper()
	readers := map[string]event.Reader{}
	out := map[string]string{}
	for i, rec := range s.Records {
		if readers[rec.Topic] == nil {
			readers[rec.Topic] = s.Reader(t, rec.Topic)
		}
		rows, err := readers[rec.Topic].Read(&rec.Raw)
		if err != nil {
			t.Fatalf("%s, record %d: %v", s.Name, i, err)
		}
		for _, ev := range rows {
			if !ev.HasTime { // Seldon's payloads carry none: the record's counts
				ev.TimeMS, ev.HasTime = rec.TimeMS, true
			}
			key := ev.Type.String() + " " + ev.ID
			if out[key] != "" {
				t.Fatalf("%s: %s stands twice", s.Name, key)
			}
			out[key] = string(event.Encode(ev))
		}
	}
	return out
}

func TestSamples_EveryFormatGivesTheNativeEvents(t *testing.T) {
	t.Parallel()
	all := mappingtest.Samples(t)
	want := texts(t, all[0])
	if len(want) != 440 {
		t.Fatalf("%d native events, want 440", len(want))
	}
	for _, s := range all[1:] {
		got := texts(t, s)
		for key, text := range want {
			if got[key] != text {
				t.Errorf("%s, %s:\ngot  %s\nwant %s", s.Name, key, got[key], text)
				break
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: %d events, want %d", s.Name, len(got), len(want))
		}
	}
}
