package app

import (
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/wire"
)

// broker opens the parts of a deployment on an embedded broker in memory.
func broker(t *testing.T, change func(*config.Config)) *Parts {
	t.Helper()
	cfg := config.Default()
	cfg.DataDir = t.TempDir()
	cfg.Broker.Listen = "127.0.0.1:0"
	if change != nil {
		change(&cfg)
	}
	p, err := Open(t.Context(), &cfg, zerolog.Nop(), "test", Want{Dir: true, Broker: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := p.CreateTopics(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *Parts) declared(t *testing.T) *Declared {
	t.Helper()
	d, err := p.Declare(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Thinning is declared like other control: once, and again where it changes, from a
// window step on that nothing has counted yet.
func TestDeclare_ThinningTakesEffectAhead(t *testing.T) {
	t.Parallel()
	p := broker(t, nil)
	if d := p.declared(t); d.View.Folds() {
		t.Error("everything is counted, and yet control speaks of thinning")
	}
	p.Cfg.Stream.Thin = 0.25
	if f, ok := p.declared(t).View.NewestFold(); !ok || f.Number != 1 || f.Rate != wire.FullRate/4 || f.FromPane != 0 {
		t.Errorf("before anything was counted: %+v, %v; want fold 1, a quarter, from the beginning", f, ok)
	}
	if f, _ := p.declared(t).View.NewestFold(); f.Number != 1 {
		t.Errorf("declared again without a change: %+v", f)
	}
	part := log.Partition{Topic: p.Cfg.Topics.Inputs[0].Topic}
	now := time.Now().UnixMilli()
	if err := p.Kafka.Append(t.Context(), []log.Record{{Partition: part, TimeMS: now, Value: []byte(`{"type":"tick"}`)}}); err != nil {
		t.Fatal(err)
	}
	if err := p.Kafka.Commit(t.Context(), p.Group("collect"), part, 0); err != nil {
		t.Fatal(err)
	}
	p.Cfg.Stream.Thin = 1
	d := p.declared(t)
	f, _ := d.View.NewestFold()
	if clock := (now + d.Layout.SkewMS) / d.Layout.PaneMS; f.Number != 2 || f.Rate != wire.FullRate || f.FromPane <= clock {
		t.Errorf("changed while counting: %+v, want fold 2, everything, from a step after %d", f, clock)
	}
}

// Another format or mapping of an input topic is another way of reading, so that old and
// new are parted by control; what changes nothing is the same way.
func TestReading_ChangesWithFormatAndMapping(t *testing.T) {
	t.Parallel()
	of := func(change func(in *config.Input)) sketches.ID {
		t.Helper()
		cfg := config.Default()
		change(&cfg.Topics.Inputs[1])
		id, err := (&Parts{Cfg: &cfg}).reading()
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	native := of(func(*config.Input) {})
	if native != nativeReading() {
		t.Error("native topics are read in another way than by the first decoder")
	}
	if of(func(in *config.Input) { in.Format = "native" }) != native {
		t.Error("the format native by name is another way")
	}
	flat := of(func(in *config.Input) { in.Format = "flat"; in.Mapping = &config.Mapping{ID: "request_id"} })
	for name, other := range map[string]sketches.ID{
		"native":          native,
		"another format":  of(func(in *config.Input) { in.Format = "cloudevents"; in.Mapping = &config.Mapping{ID: "request_id"} }),
		"another path":    of(func(in *config.Input) { in.Format = "flat"; in.Mapping = &config.Mapping{ID: "id"} }),
		"a further key":   of(func(in *config.Input) { in.Format = "flat"; in.Mapping = &config.Mapping{ID: "request_id", Rows: "."} }),
		"without mapping": of(func(in *config.Input) { in.Format = "flat" }),
	} {
		if other == flat {
			t.Errorf("%s is the same way as the mapping", name)
		}
	}
	if of(func(in *config.Input) { in.Format = "flat"; in.Mapping = &config.Mapping{ID: "request_id"} }) != flat {
		t.Error("one mapping gives two ways")
	}
}
