package web

import (
	"context"
	"net/http"

	"github.com/driftline/driftline/registry/store"
)

type streamsView struct {
	Streams
	Outcomes []outcomeRow
	Silent   int // sources without news for a while
}

type outcomeRow struct {
	Name, Meaning string
	N             int64
	Share         float64
	Bar           string // width of the bar, of 100
	Tone          string
}

// silentMS is the age of a source's last news from which the page warns.
const silentMS = 15 * 60_000

func (s *server) streamsPage(ctx context.Context, _ *http.Request) (page, error) {
	var view streamsView
	err := s.Store.Read(ctx, func(t *store.Tx) (err error) {
		view.Streams, err = s.streams(ctx, t)
		return err
	})
	o := view.Totals
	for _, x := range []outcomeRow{
		{Name: "accepted", Meaning: "counted into windows", N: o.Accepted, Tone: "good"},
		{Name: "label", Meaning: "labels, joined to predictions", N: o.Label, Tone: "good"},
		{Name: "late", Meaning: "older than the lateness allows", N: o.Late, Tone: "wait"},
		{Name: "future", Meaning: "event time too far ahead of the record clock", N: o.Future, Tone: "wait"},
		{Name: "thinned", Meaning: "left out by the sampling rate of their model", N: o.Thinned, Tone: "plain"},
		{Name: "unregistered", Meaning: "of models that are seen, not watched", N: o.Unregistered, Tone: "wait"},
		{Name: "dead", Meaning: "could not be read", N: o.Dead, Tone: "bad"},
		{Name: "tick", Meaning: "moved the clock, counted nothing", N: o.Tick, Tone: "plain"},
		{Name: "aborted", Meaning: "of transactions that were given up", N: o.Aborted, Tone: "plain"},
	} {
		x.Share = share(x.N, o.Records)
		x.Bar = decimals(100 * x.Share)
		view.Outcomes = append(view.Outcomes, x)
	}
	for _, src := range view.Sources {
		if src.AgeMS > silentMS {
			view.Silent++
		}
	}
	return page{Title: "Streams", Nav: "streams", Data: view}, err
}
