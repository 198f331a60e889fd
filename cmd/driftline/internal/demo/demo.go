package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/trainer"
)

// Story is told what happens.
type Story interface {
	Start(url, brokers, dataDir string, weeks int)
	Day(done, all int, accuracy, static float64, scored int)
	Tell(line string)
	End(Summary)
}

// Summary is what a script gets: the last line of standard output.
type Summary struct {
	Events         int64     `json:"events"` // accepted records plus labels
	Panes          int64     `json:"panes"`
	Alarms         int       `json:"alarms"`
	Retrains       int       `json:"retrains"`   // that trained a challenger; the first version is none
	Promotions     int       `json:"promotions"` // of challengers
	Refused        int       `json:"refused"`
	Accuracy       float64   `json:"accuracy"`        // of the champion of the moment
	AccuracyStatic float64   `json:"accuracy_static"` // of version 1 on the same rows
	Seconds        float64   `json:"seconds"`
	Versions       []Version `json:"versions"`
}

// Version is one champion's time in service.
type Version struct {
	Version  string  `json:"version"`
	From     string  `json:"from"`
	To       string  `json:"to"`
	Rows     int     `json:"rows"`
	Accuracy float64 `json:"accuracy"`
}

// dayMS is a day in milliseconds.
const dayMS = int64(24 * time.Hour / time.Millisecond)

// Run streams the data set through a process whose roles run.
func Run(ctx context.Context, r *app.Running, story Story) (Summary, error) {
	started := time.Now()
	all, err := rows()
	if err != nil {
		return Summary{}, err
	}
	first, last := all[0].timeMS/dayMS, all[len(all)-1].timeMS/dayMS
	days := int(last-first) + 1
	story.Start(r.URL, r.Brokers[0], r.Dir.Path(), (days+6)/7)

	d := &driver{
		r: r, story: story, models: trainer.NewModels(r.Store, r.Artifacts, "mlflow-artifacts:/"),
		service: service{broker: r.Kafka, rows: all}, teller: newTeller(r.Store),
	}
	for n := range days {
		end := (first + int64(n) + 1) * dayMS
		if err := d.day(ctx, end); err != nil {
			return Summary{}, err
		}
		accuracy, static, scored := d.accuracy()
		story.Day(n+1, days, accuracy, static, scored)
	}
	// One more step of time, so that what arrived at the very end is counted too.
	if err := d.day(ctx, (last+1)*dayMS+r.Declared.Layout.PaneMS); err != nil {
		return Summary{}, err
	}
	s, err := d.summary(ctx, first*dayMS, (last+1)*dayMS)
	if err != nil {
		return s, err
	}
	s.Seconds = float64(time.Since(started).Milliseconds()) / 1000
	story.End(s)
	return s, nil
}

// driver sends day after day and waits for each to be over.
type driver struct {
	r        *app.Running
	story    Story
	models   *trainer.Models
	service  service
	teller   *teller
	outcomes []outcome
	right    int
	static   int
}

func (d *driver) day(ctx context.Context, endMS int64) error {
	if err := d.loadChampion(ctx); err != nil {
		return err
	}
	out, err := d.service.day(ctx, endMS, d.r.Declared.Layout.LatenessMS)
	if err != nil {
		return err
	}
	for _, o := range out {
		d.outcomes = append(d.outcomes, o)
		if o.right {
			d.right++
		}
		if o.rightIfStatic {
			d.static++
		}
	}
	if err := d.settle(ctx, endMS); err != nil {
		return err
	}
	lines, err := d.teller.news(ctx)
	for _, line := range lines {
		d.story.Tell(line)
	}
	return err
}

// loadChampion takes the version that serves from the registry, as a prediction
// service would at the start of its day.
func (d *driver) loadChampion(ctx context.Context) error {
	c, err := d.models.Champion(ctx, Model)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if d.service.version == c.Version {
		return nil
	}
	d.service.model, d.service.version = c.Model, c.Version
	if d.service.first == nil {
		d.service.first = c.Model
	}
	return nil
}

func (d *driver) accuracy() (champion, static float64, scored int) {
	n := len(d.outcomes)
	if n == 0 {
		return 0, 0, 0
	}
	return float64(d.right) / float64(n), float64(d.static) / float64(n), n
}

// versions returns each champion's time in service, in order.
func (d *driver) versions() []Version {
	var out []Version
	right := 0
	flush := func() {
		if len(out) > 0 {
			out[len(out)-1].Accuracy = round(float64(right) / float64(out[len(out)-1].Rows))
		}
	}
	for _, o := range d.outcomes {
		if len(out) == 0 || out[len(out)-1].Version != o.version {
			flush()
			right = 0
			out = append(out, Version{Version: o.version, From: stamp(o.timeMS)})
		}
		v := &out[len(out)-1]
		v.Rows++
		v.To = stamp(o.timeMS)
		if o.right {
			right++
		}
	}
	flush()
	return out
}

func (d *driver) summary(ctx context.Context, fromMS, toMS int64) (Summary, error) {
	s := Summary{Versions: d.versions(), Panes: (toMS - fromMS) / d.r.Declared.Layout.PaneMS}
	champion, static, _ := d.accuracy()
	s.Accuracy, s.AccuracyStatic = round(champion), round(static)
	totals, err := d.r.Store.LedgerTotals(ctx, store.LedgerQuery{})
	if err != nil {
		return s, err
	}
	s.Events = totals.Accepted + totals.Label
	alarms, err := d.r.Store.Alarms(ctx, store.AlarmQuery{Model: Model, Limit: 10_000})
	if err != nil {
		return s, err
	}
	s.Alarms = len(alarms)
	count := func(q store.RetrainQuery) (n int, err error) {
		q.Model, q.Limit = Model, 10_000
		rs, err := d.r.Store.Retrains(ctx, q)
		for _, r := range rs {
			if r.Kind != "bootstrap" {
				n++
			}
		}
		return n, err
	}
	if s.Retrains, err = count(store.RetrainQuery{Reached: store.RetrainTrained}); err != nil {
		return s, err
	}
	if s.Promotions, err = count(store.RetrainQuery{Reached: store.RetrainPromoted}); err != nil {
		return s, err
	}
	s.Refused, err = count(store.RetrainQuery{States: []string{store.RetrainRejected}})
	return s, err
}

func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }

// round keeps six decimals, so that summaries compare as text.
func round(x float64) float64 {
	var out float64
	_, _ = fmt.Sscanf(fmt.Sprintf("%.6f", x), "%g", &out)
	return out
}
