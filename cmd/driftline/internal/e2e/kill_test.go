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
	scores, events := 0, 0
	for _, l := range want {
		if strings.HasPrefix(l, `{"specversion"`) {
			events++
		} else {
			scores++
		}
	}
	if scores < 100 || events == 0 {
		t.Fatalf("the replay prints %d scores and %d events: too few to compare", scores, events)
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
	t.Logf("%d scores and %d drift events: equal", scores, events)
	if err := p.stop(); err != nil {
		t.Errorf("stop: %v\n%s", err, p.log())
	}
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
