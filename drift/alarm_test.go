package drift

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/driftline/driftline/sketches"
)

const minuteMS = 60 * 1000

func TestDefaultsFollowFromTheWindow(t *testing.T) {
	t.Parallel()
	const day = 24 * hourMS
	for _, tc := range []struct {
		name                      string
		window, hop, alarm, stale int64
		k, m                      int
	}{
		{"an hour by the minute", hourMS, minuteMS, 3 * minuteMS, hourMS, 5, 20},
		{"a day by the minute", day, minuteMS, hourMS, 2 * hourMS, 6, 24},
		{"a week by the hour", 7 * day, hourMS, 7 * hourMS, 14 * hourMS, 6, 24},
		{"a week by the day", 7 * day, day, day, 2 * day, 2, 7},
		{"a window of one hop", minuteMS, minuteMS, minuteMS, 2 * minuteMS, 1, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cfg := DefaultAlarm(tc.window, tc.hop)
			if cfg.HopMS != tc.alarm || cfg.K != tc.k || cfg.M != tc.m || cfg.StaleAfterMS != tc.stale || cfg.RetriggerMS != tc.window {
				t.Errorf("hop %d, k %d, m %d, stale %d, retrigger %d; want %d, %d, %d, %d, %d",
					cfg.HopMS, cfg.K, cfg.M, cfg.StaleAfterMS, cfg.RetriggerMS, tc.alarm, tc.k, tc.m, tc.stale, tc.window)
			}
			if err := cfg.Validate(); err != nil {
				t.Errorf("the defaults: %v", err)
			}
		})
	}
	if cfg := DefaultAlarm(hourMS, minuteMS); !cfg.IsHop(6*minuteMS) || cfg.IsHop(7*minuteMS) || !cfg.IsHop(-3*minuteMS) {
		t.Error("alarm hops are not multiples of the hop since the epoch")
	}
}

// testAlarm: hop 1, k 3, m 2, stale after 4, retrigger 5 (all in milliseconds).
func testAlarm() AlarmConfig {
	cfg := DefaultAlarm(1000, 1000)
	cfg.HopMS, cfg.K, cfg.M, cfg.StaleAfterMS, cfg.RetriggerMS = 1, 3, 2, 4, 5
	return cfg
}

// script runs one letter of evidence per millisecond, from 1 on, and returns the
// events as "type@time":
//
//	h share 0.4   w share 0.6   W share 0.8   X share 1   m share 0.25 (between)
//	l share 0.1   p the same, window not full
//	c critical feature at share 0   - not valid   s superseded
func script(t *testing.T, cfg AlarmConfig, st AlarmState, letters string) (AlarmState, []string) {
	t.Helper()
	share := map[rune]int{'h': 40, 'w': 60, 'W': 80, 'X': 100, 'm': 25, 'l': 10, 'p': 10}
	var out []string
	for i, r := range letters {
		ev := Evidence{EndMS: int64(i + 1), Valid: r != '-', Drifted: share[r], Judged: 100, All: 120, Full: r != 'p', Critical: r == 'c', Superseded: r == 's'}
		var events []AlarmEvent
		before := st
		st, events = Step(cfg, st, ev)
		again, twice := Step(cfg, before, ev)
		if again != st || !reflect.DeepEqual(events, twice) {
			t.Fatalf("step %d is not a function of its arguments", i)
		}
		for _, e := range events {
			if e.EndMS != ev.EndMS {
				t.Errorf("event %s at %d carries %d", e.Type, ev.EndMS, e.EndMS)
			}
			out = append(out, string(e.Type)+"@"+string(rune('0'+i+1)))
		}
	}
	return st, out
}

// TestAlarmTable goes through the machine row by row.
func TestAlarmTable(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, script string
		phase        Phase
		events       string
	}{
		{"OK: low stays OK", "lllll", PhaseOK, ""},
		{"OK: between stays OK", "mmmmm", PhaseOK, ""},
		{"OK: high makes PENDING", "lh", PhasePending, ""},
		{"PENDING: not yet the k-th", "hh", PhasePending, ""},
		{"PENDING: the k-th high in a row fires", "hhh", PhaseFiring, "detected@3"},
		{"PENDING: between goes back to OK", "hhmhh", PhasePending, ""},
		{"PENDING: low goes back to OK", "hhlhhh", PhaseFiring, "detected@6"},
		{"a critical feature alone is high", "ccc", PhaseFiring, "detected@3"},
		{"a critical feature is never low", "hhhcccc", PhaseFiring, "detected@3"},
		{"FIRING: the m-th low of a full window resolves", "hhhll", PhaseOK, "detected@3 resolved@5"},
		{"FIRING: one low does not", "hhhl", PhaseFiring, "detected@3"},
		{"FIRING: between starts the lows again", "hhhlml", PhaseFiring, "detected@3"},
		{"FIRING: a high starts the lows again", "hhhlhl", PhaseFiring, "detected@3"},
		{"FIRING: a window that is not full does not resolve", "hhhppp", PhaseFiring, "detected@3"},
		{"FIRING: lows before and after a window that is not full are in a row", "hhhlpl", PhaseOK, "detected@3 resolved@6"},
		{"FIRING: a higher step has worsened, once", "hhhwwh", PhaseFiring, "detected@3 worsened@4"},
		{"FIRING: each step once", "hhhwWX", PhaseFiring, "detected@3 worsened@4 worsened@5 worsened@6"},
		{"FIRING: two steps at a time are one event", "hhhX", PhaseFiring, "detected@3 worsened@4"},
		{"FIRING: a step reached before does not worsen again", "hhhwhwh", PhaseFiring, "detected@3 worsened@4"},
		{"FIRING: starting high counts as reached", "hhwww", PhaseFiring, "detected@3"},
		{"FIRING: ongoing every retrigger", "hhhhhhhh", PhaseFiring, "detected@3 ongoing@8"},
		{"FIRING: worsened and ongoing may come together", "hhhhhhhw", PhaseFiring, "detected@3 worsened@8 ongoing@8"},
		{"FIRING: ongoing while between", "hhhmmmmm", PhaseFiring, "detected@3 ongoing@8"},
		{"not valid, soon: nothing moves", "hh--h", PhaseFiring, "detected@5"},
		{"not valid, long: stale once, counters stand", "hh-----h", PhaseFiring, "stale@6 detected@8"},
		{"not valid never resolves", "hhh-----", PhaseFiring, "detected@3 stale@7"},
		{"not valid: no ongoing", "hhhhh---", PhaseFiring, "detected@3"},
		{"valid again clears stale and goes on", "hhh----ll", PhaseOK, "detected@3 stale@7 ongoing@8 resolved@9"},
		{"stale can come twice", "l----l---", PhaseOK, "stale@5"},
		{"never valid from the start", "------", PhaseOK, "stale@5"},
		{"superseded while FIRING", "hhhs", PhaseClosed, "detected@3 superseded@4"},
		{"superseded while OK says nothing", "ls", PhaseClosed, ""},
		{"superseded while PENDING says nothing", "hs", PhaseClosed, ""},
		{"CLOSED stays closed", "hhhshhh--", PhaseClosed, "detected@3 superseded@4"},
		{"a second episode", "hhhllhhh", PhaseFiring, "detected@3 resolved@5 detected@8"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			st, events := script(t, testAlarm(), AlarmState{}, tc.script)
			if got := strings.Join(events, " "); got != tc.events || st.Phase != tc.phase {
				t.Errorf("%s: %s, events %q; want %s, %q", tc.script, st.Phase, got, tc.phase, tc.events)
			}
		})
	}
}

func TestAlarmWithKOfOneFiresAtOnce(t *testing.T) {
	t.Parallel()
	cfg := testAlarm()
	cfg.K = 1
	if st, events := script(t, cfg, AlarmState{}, "lh"); st.Phase != PhaseFiring || !slices.Equal(events, []string{"detected@2"}) {
		t.Errorf("%s, events %v", st.Phase, events)
	}
}

func TestUnknownAlarmIsSilentUntilItsFirstOK(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ script, events string }{
		{"hhhhhhhh", ""},
		{"hhhllhhh", "detected@8"},
		{"mhhh", "detected@4"},
		{"-----", ""},
		{"hhhs", ""},
	} {
		if _, events := script(t, testAlarm(), UnknownAlarm(), tc.script); strings.Join(events, " ") != tc.events {
			t.Errorf("%s: events %v, want %q", tc.script, events, tc.events)
		}
	}
}

func TestEpisodeStartIsKept(t *testing.T) {
	t.Parallel()
	cfg := testAlarm()
	var st AlarmState
	var all []AlarmEvent
	for i, share := range []int{40, 40, 40, 60, 10, 10} {
		var events []AlarmEvent
		st, events = Step(cfg, st, Evidence{EndMS: int64(i + 1), Valid: true, Full: true, Drifted: share, Judged: 100, All: 100, QualityOpen: true})
		all = append(all, events...)
	}
	if len(all) != 3 {
		t.Fatalf("%d events, want detected, worsened, resolved", len(all))
	}
	for _, e := range all {
		if e.EpisodeMS != 3 || !e.QualityOpen || e.Judged != 100 {
			t.Errorf("%s: %+v", e.Type, e)
		}
	}
	if all[1].Level != 1 || all[2].Level != 1 {
		t.Errorf("levels %d and %d, want 1", all[1].Level, all[2].Level)
	}
}

func TestQuietTimeDoesNotMakeStale(t *testing.T) {
	t.Parallel()
	cfg := testAlarm()
	st, _ := Step(cfg, AlarmState{}, Evidence{EndMS: 1, Valid: true, Judged: 1})
	for end := int64(2); end <= 20; end++ {
		var events []AlarmEvent
		if st, events = Step(cfg, st, Evidence{EndMS: end, QuietMS: 1}); len(events) > 0 || st.Stale {
			t.Fatalf("stale at %d although no input is expected", end)
		}
	}
	for end := int64(21); end <= 24; end++ {
		st, _ = Step(cfg, st, Evidence{EndMS: end})
	}
	if !st.Stale {
		t.Error("not stale although input was expected for 4 ms")
	}
}

func TestIsValid(t *testing.T) {
	t.Parallel()
	cfg := DefaultAlarm(hourMS, minuteMS)
	cfg.MinRows = 100
	for _, tc := range []struct {
		name        string
		coverage    float64
		rows        uint64
		judged, all int
		filled      float64
		want        bool
	}{
		{"everything there", 1, 100, 10, 20, 1, true},
		{"just enough", 0.95, 100, 10, 20, 0.5, true},
		{"coverage too low", 0.949, 100, 20, 20, 1, false},
		{"too few rows", 1, 99, 20, 20, 1, false},
		{"fewer than half judged", 1, 100, 9, 20, 1, false},
		{"warm-up", 1, 100, 20, 20, 0.49, false},
		{"no features", 1, 100, 0, 0, 1, false},
		{"nothing judged", 1, 100, 0, 20, 1, false},
	} {
		if got := cfg.IsValid(tc.coverage, tc.rows, tc.judged, tc.all, tc.filled); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestAlarmConfigNamesEveryFault(t *testing.T) {
	t.Parallel()
	err := AlarmConfig{Fire: 0.2, Resolve: 0.2, Coverage: 2, Judged: -1, Filled: 3, Steps: []float64{0.5, 0.5}}.Validate()
	for _, key := range []string{"window", "hop", "k is 0", "m is 0", "resolve is 0.2", "stale_after", "retrigger", "coverage is 2", "judged is -1", "filled is 3", "steps"} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("error %v does not name %s", err, key)
		}
	}
}

func drawState(t *rapid.T) AlarmState {
	return AlarmState{
		Phase: Phase(rapid.IntRange(0, 3).Draw(t, "phase")),
		Hi:    rapid.IntRange(0, 1000).Draw(t, "hi"), Lo: rapid.IntRange(0, 1000).Draw(t, "lo"), Level: rapid.IntRange(0, 9).Draw(t, "level"),
		EpisodeMS: rapid.Int64().Draw(t, "episode"), EmittedMS: rapid.Int64().Draw(t, "emitted"), LastValidMS: rapid.Int64().Draw(t, "valid"),
		Stale: rapid.Bool().Draw(t, "stale"), Started: rapid.Bool().Draw(t, "started"), Unknown: rapid.Bool().Draw(t, "unknown"),
	}
}

func TestAlarmStateSurvivesItsCodecs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		st := drawState(t)
		back, err := DecodeAlarmState(st.Encode())
		if err != nil || back != st {
			t.Fatalf("%+v came back as %+v: %v", st, back, err)
		}
		b, err := json.Marshal(st)
		if err != nil {
			t.Fatal(err)
		}
		var j AlarmState
		if err := json.Unmarshal(b, &j); err != nil || j != st {
			t.Fatalf("%s came back as %+v: %v", b, j, err)
		}
	})
}

// TestStepNeverInventsEvents: whatever happens, resolved, ongoing and worsened come
// only inside an episode, and each episode has one beginning and at most one end.
func TestStepNeverInventsEvents(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cfg := testAlarm()
		var st AlarmState
		open := false
		for i := range rapid.IntRange(0, 80).Draw(t, "steps") {
			ev := Evidence{
				EndMS: int64(i), Valid: rapid.IntRange(0, 4).Draw(t, "valid") > 0, Full: rapid.Bool().Draw(t, "full"),
				Drifted: rapid.IntRange(0, 10).Draw(t, "drifted"), Judged: 10, All: 10,
				Superseded: rapid.IntRange(0, 60).Draw(t, "superseded") == 0,
			}
			var events []AlarmEvent
			st, events = Step(cfg, st, ev)
			for _, e := range events {
				switch e.Type {
				case AlarmDetected:
					if open {
						t.Fatal("detected twice")
					}
					open = true
				case AlarmResolved, AlarmSuperseded:
					if !open {
						t.Fatalf("%s outside an episode", e.Type)
					}
					open = false
				case AlarmOngoing, AlarmWorsened:
					if !open {
						t.Fatalf("%s outside an episode", e.Type)
					}
				}
				if !ev.Valid && e.Type != AlarmStale && e.Type != AlarmSuperseded {
					t.Fatalf("%s from a hop that is not valid", e.Type)
				}
			}
			if open != (st.Phase == PhaseFiring) {
				t.Fatalf("phase %s with an open episode: %v", st.Phase, open)
			}
		}
	})
}

func TestDecodeAlarmStateRefuses(t *testing.T) {
	t.Parallel()
	good := AlarmState{Phase: PhaseFiring, Hi: 1, EpisodeMS: 60000, Started: true}.Encode()
	for name, b := range map[string][]byte{
		"nothing":           nil,
		"a cut":             good[:len(good)-1],
		"bytes left over":   append(slices.Clone(good), 0),
		"an unknown phase":  append([]byte{1, 9}, good[2:]...),
		"unknown flags":     append([]byte{1, 0, 0xff}, good[3:]...),
		"a huge counter":    {1, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0},
		"a varint too long": {1, 0, 0, 0x80, 0x00, 0, 0, 0, 0, 0},
	} {
		if _, err := DecodeAlarmState(b); !errors.Is(err, sketches.ErrCorrupt) {
			t.Errorf("%s: error %v, want ErrCorrupt", name, err)
		}
	}
	if _, err := DecodeAlarmState([]byte{7}); !errors.Is(err, sketches.ErrSchema) {
		t.Errorf("schema 7: error %v, want ErrSchema", err)
	}
}

func FuzzDecodeAlarmState(f *testing.F) {
	f.Add(AlarmState{}.Encode())
	f.Add(UnknownAlarm().Encode())
	f.Add(AlarmState{Phase: PhaseFiring, Lo: 3, Level: 2, EpisodeMS: 1767225600000, EmittedMS: 1767225660000, LastValidMS: -1, Stale: true, Started: true}.Encode())
	f.Add([]byte{1, 0, 0, 0x80, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		st, err := DecodeAlarmState(b)
		if err != nil {
			return
		}
		if got := st.Encode(); !slices.Equal(got, b) {
			t.Fatalf("accepted %x, which encodes to %x", b, got)
		}
	})
}
