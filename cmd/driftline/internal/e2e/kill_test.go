package e2e

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// P1 on the built program: the broker, both folds and the historian die together, ten
// times, while they work through a log that was written first.
func TestFault_KillNineOfAllAtTenMoments(t *testing.T) {
	long(t)
	cfg, dir := archive(t, 60_000)
	want := killTen(t, cfg, dir)
	events := 0
	for _, l := range want {
		if strings.HasPrefix(l, `{"specversion"`) {
			events++
		}
	}
	if len(want) < 500 || events == 0 {
		t.Fatalf("%d lines, %d of them drift events: too few to compare", len(want), events)
	}
	t.Logf("%d scores and %d drift events: equal", len(want)-events, events)
}

// The same where no model is listed: the process may die between the record that
// admits a model and the collectors' reading it.
func TestFault_KillNineWhileModelsAreAdmitted(t *testing.T) {
	long(t)
	cfg, dir := archiveOf(t, autoConfig, 30_000)
	want := killTen(t, cfg, dir)
	for _, model := range []string{"alpha", "beta"} {
		if !strings.Contains(strings.Join(want, "\n"), `"model":"`+model+`"`) {
			t.Errorf("model %s was not admitted", model)
		}
	}
	t.Logf("%d scores: equal", len(want))
}

// killTen kills the program ten times while it works through the archive, lets it
// finish, and returns what a replay prints, which must be what was recorded.
func killTen(t *testing.T, cfg, dir string) []string {
	t.Helper()
	args := append([]string{"all", "--config", cfg, "--data-dir", dir, "--log-level", "warn"}, anyPort...)
	rng := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	for life := range 10 {
		p := start(t, nil, args...)
		p.ready(dir)
		after := time.Duration(rng.Int64N(int64(1200 * time.Millisecond)))
		time.Sleep(after)
		p.kill()
		t.Logf("life %d killed %s after it was ready", life, after)
	}
	p := start(t, nil, args...)
	r := p.ready(dir)
	want := replayed(t, cfg, dir)
	if again := replayed(t, cfg, dir); strings.Join(again, "\n") != strings.Join(want, "\n") {
		t.Fatal("two replays of one log differ")
	}
	var got []string
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(500 * time.Millisecond) {
		if got = recorded(t, r.Broker); len(got) >= len(want) {
			break
		}
	}
	if diff := firstDiff(want, got); diff != "" {
		t.Fatalf("recorded scores and events differ from the replay: %s\n%s", diff, p.log())
	}
	if err := p.stop(); err != nil {
		t.Errorf("stop: %v\n%s", err, p.log())
	}
	return want
}

func replayed(t *testing.T, cfg, dir string) []string {
	t.Helper()
	return replayedFrom(t, "--config", cfg, "--data-dir", dir)
}

func firstDiff(want, got []string) string {
	for i := range max(len(want), len(got)) {
		switch {
		case i >= len(got):
			return "missing: " + want[i]
		case i >= len(want):
			return "one more: " + got[i]
		case want[i] != got[i]:
			return "want " + want[i] + "\ngot  " + got[i]
		}
	}
	return ""
}
