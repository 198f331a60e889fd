package app

import (
	"fmt"
	"strings"
	"testing"

	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
)

// sizedGrid has n numeric features of some 200 cells each.
func sizedGrid(t *testing.T, n int) *sketches.Grid {
	t.Helper()
	values := make([]float64, 2000)
	for i := range values {
		values[i] = float64(i) * 1.01
	}
	fs := make([]sketches.FeatureGrid, n)
	for i := range fs {
		f, err := sketches.NewNumeric(fmt.Sprintf("f%02d", i), values)
		if err != nil {
			t.Fatal(err)
		}
		fs[i] = f
	}
	g, err := sketches.NewGrid(fs)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func (p *Parts) bound(t *testing.T) Memory {
	t.Helper()
	d := p.declared(t)
	m, err := p.Memory(t.Context(), d.Layout, d.View, Everything, 0)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A product of quotas beyond the limit: a start, a model and a reference are refused with
// the bytes found and allowed, and nothing is published.
func TestFault_MemoryBound(t *testing.T) {
	t.Parallel()
	p := broker(t, func(c *config.Config) {
		for _, name := range []string{"a", "b"} {
			m := c.NewModel(name)
			m.Automation = "observe"
			c.Models = append(c.Models, m)
		}
	})
	r := &Running{Parts: p}
	full := int64(p.Cfg.Stream.MemoryLimit)
	p.Cfg.Stream.MemoryLimit = 64 << 20
	err := r.checkMemory(t.Context(), Everything)
	if cli.Code(err) != cli.Usage || !strings.Contains(err.Error(), "2 models") || !strings.Contains(err.Error(), "allows 64MiB") || !strings.Contains(err.Error(), "stream.memory_limit") {
		t.Fatalf("start with two models and 64 MiB: error %v, code %d; want exit code 2 with bytes found and allowed", err, cli.Code(err))
	}
	if d, err := p.ReadControl(t.Context()); err != nil || len(d.View.Models()) != 0 {
		t.Fatalf("a start that is refused has published %d models, error %v", len(d.View.Models()), err)
	}
	if err := r.checkMemory(t.Context(), Roles{Serve: true}); err != nil {
		t.Errorf("a role that holds no counts is refused: %v", err)
	}

	p.Cfg.Stream.MemoryLimit = config.Size(full)
	if err := r.checkMemory(t.Context(), Everything); err != nil {
		t.Fatal(err)
	}
	two := p.bound(t)
	if two.Models != 2 || two.Collect == 0 || two.Evaluate == 0 || two.Bound() > full {
		t.Fatalf("account %+v", two)
	}

	// A reference brings a grid: what it needs is asked before it is published.
	grid := wire.Control{Kind: "grid", ID: "a", Seq: 1, Value: wire.GridControl{Model: "a", Grid: sizedGrid(t, 60)}.Encode()}
	p.Cfg.Stream.MemoryLimit = config.Size(two.Bound() + 1<<20)
	if err := p.CheckAdmission(t.Context(), 0, grid); err == nil || !strings.Contains(err.Error(), "may need up to") {
		t.Errorf("a grid of 60 features beside 1 MiB of room: error %v", err)
	}
	if now := p.bound(t); now != (Memory{two.Collect, two.Evaluate, int64(p.Cfg.Stream.MemoryLimit), 2, two.Owned}) {
		t.Errorf("asking has changed the account: %+v, want %+v", now, two)
	}
	p.Cfg.Stream.MemoryLimit = config.Size(full)
	if err := p.CheckAdmission(t.Context(), 0, grid); err != nil {
		t.Errorf("with room for it: %v", err)
	}
	if err := p.Publish(t.Context(), grid); err != nil {
		t.Fatal(err)
	}
	wide := p.bound(t)
	if wide.Collect <= two.Collect || wide.Evaluate <= two.Evaluate {
		t.Errorf("60 features more: account %+v, before %+v", wide, two)
	}

	// Settings for a third model over the API, and one that its first events would admit.
	p.Cfg.Stream.MemoryLimit = config.Size(wide.Bound())
	if err := p.mayAdmit(t.Context(), "c"); err == nil {
		t.Error("a third model finds room where there is none")
	}
	if err := p.mayAdmit(t.Context(), "a"); err != nil {
		t.Errorf("a model that is watched already: %v", err)
	}
	d := p.declared(t)
	room, err := p.room(t.Context(), d.Layout)
	if err != nil {
		t.Fatal(err)
	}
	if room(d.View, 1) || !room(d.View, 0) {
		t.Error("an evaluator finds room for a model more, or none for those there are")
	}
}

// Partitions shared among workers share memory out; versions and windows multiply it.
func TestMemory_FollowsTheConfiguration(t *testing.T) {
	t.Parallel()
	p := broker(t, func(c *config.Config) {
		for i := range 12 {
			m := c.NewModel(fmt.Sprint("m", i))
			m.Automation = "observe"
			c.Models = append(c.Models, m)
		}
		c.Topics.InputPartitions = 4
	})
	one := p.bound(t)
	p.Cfg.Stream.WorkerCount = 2
	half := p.bound(t)
	if half.Owned*2 != one.Owned || half.Collect >= one.Collect*6/10 || half.Evaluate >= one.Evaluate {
		t.Errorf("one of two workers %+v, one for all %+v", half, one)
	}
	p.Cfg.Stream.WorkerCount, p.Cfg.Stream.Versions = 1, 16
	if more := p.bound(t); more.Collect < 2*one.Collect || more.Evaluate < 2*one.Evaluate {
		t.Errorf("16 versions %+v, 4 versions %+v", more, one)
	}
}
