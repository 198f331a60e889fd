package web

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/web/chart"
)

// modelView is one model over time.
type modelView struct {
	ModelSummary
	Headline string
	Window   int64
	Windows  []int64 // there are scores of
	Range    string
	Ranges   []string
	Limits   limits
	Shown    int64 // windows drawn
	FirstMS  int64 // end of the first and last of them
	LastMS   int64
	Cut      bool // there are more windows than were read
	Restated stretch
	Replayed stretch
	PSI      chart.Drawing
	Share    chart.Drawing
	KS       chart.Drawing
	// AccuracyPlot is empty where no labels came.
	AccuracyPlot chart.Drawing
	Performance  []performanceView // as in ModelDetail
	Heat         chart.DrawnMap
	MoreRows     int // features that the map leaves out
	Features     []featureBody
	Joint        *Joint // of the newest window, nil where it is not looked at
	Reference    string
	Newest       *store.ScoreRow
	Alarms       []store.AlarmRow
	Silences     []store.Silence // in force
	Versions     []store.ModelVersion
	Retrains     []retrainRow
	Spec         string
	state        string // of the newest window's score, and why there is no verdict
	reason       string
	Segment      string       // the part of the traffic that is shown, "" for all of it
	Segments     []segmentRow // of the window shown; empty for a part
	Predictions  []predictionRow
	AnswersPlot  chart.Drawing // of the version that is compared; empty for none
}

// Warned tells whether an early warning is among the alarms.
func (view *modelView) Warned() bool {
	return slices.ContainsFunc(view.Alarms, func(a store.AlarmRow) bool { return a.Kind == store.KindEarly })
}

// modelRanges are stretches of event time a reader may choose, newest first.
var modelRanges = []string{"7d", "30d", "90d", "365d", "all"}

// otherWindow is how metrics call the span of an alarm that no window has; links from
// alert rules bring it here, and the page shows the window that it shows by itself.
const otherWindow = "other"

func (s *server) modelPage(ctx context.Context, r *http.Request) (page, error) {
	name := r.PathValue("model")
	q := r.URL.Query()
	ask := modelAsk{name: name, rng: "all", nowMS: s.NowMS()}
	var err error
	if text := q.Get("window"); text != "" && text != otherWindow {
		if ask.windowMS, err = parseSpan(text); err != nil {
			return page{}, invalid("query.window", text, err)
		}
	}
	if text := q.Get("range"); text != "" {
		if !slices.Contains(modelRanges, text) {
			if _, err := parseSpan(text); err != nil {
				return page{}, invalid("query.range", text, err)
			}
		}
		ask.rng = text
	}
	if ask.segment = q.Get("segment"); ask.segment != "" {
		if err := checkSegment("query.segment", ask.segment); err != nil {
			return page{}, err
		}
	}
	var view modelView
	err = s.Store.Read(ctx, func(t *store.Tx) (err error) {
		view, err = readModel(ctx, t, ask)
		return err
	})
	if ask.segment != "" {
		name += ", " + ask.segment
	}
	return page{Title: name, Nav: "fleet", Data: &view}, err
}

// modelAsk is what the reader wants to see.
type modelAsk struct {
	name     string
	windowMS int64 // 0: the window of the summary
	rng      string
	segment  string // of the traffic, "" for all of it
	nowMS    int64
}

// mostWindows bounds how many windows of a range are read for the lines.
const mostWindows = 20_000

func readModel(ctx context.Context, t *store.Tx, ask modelAsk) (view modelView, err error) {
	w, err := t.WatchedModel(ctx, ask.name)
	if err != nil {
		return view, err
	}
	fleet, err := readFleet(ctx, t, ask.nowMS)
	if err != nil {
		return view, err
	}
	m, err := fleet.model(ctx, t, w)
	if err != nil {
		return view, err
	}
	view = modelView{ModelSummary: m.ModelSummary, Window: ask.windowMS, Range: ask.rng, Ranges: modelRanges, Spec: indent(w.SpecJSON), Silences: silencesFor(m.silences, ask.segment), Segment: ask.segment}
	parts, err := latestSegments(ctx, t, ask.name)
	if err != nil {
		return view, err
	}
	shown := m.latest
	if ask.segment != "" {
		shown = of(parts, ask.segment)
	}
	for _, r := range shown {
		if r.Version == anyVersion && !slices.Contains(view.Windows, r.WindowMS) {
			view.Windows = append(view.Windows, r.WindowMS)
		}
	}
	slices.Sort(view.Windows)
	if view.Window == 0 {
		view.Window = m.WindowMS
		if n := len(view.Windows); ask.segment != "" && n > 0 && !slices.Contains(view.Windows, view.Window) {
			view.Window = view.Windows[n-1]
		}
	}
	if err := view.readLists(ctx, t, ask); err != nil {
		return view, err
	}
	reports, err := newestPerformance(ctx, t, ask.name, m.Champion)
	if err != nil {
		return view, err
	}
	for _, p := range reports {
		view.Performance = append(view.Performance, viewOf(p))
	}
	if view.Limits, err = readLimits(ctx, t, w, view.Window); err != nil {
		return view, err
	}
	h := history{model: ask.name, windowMS: view.Window, segment: ask.segment, limits: view.Limits}
	if err := h.read(ctx, t, ask.rng, m.EndMS); err != nil {
		return view, err
	}
	// Those of the list may all be of parts of the traffic.
	if h.alarms, err = t.AllAlarms(ctx, store.AlarmQuery{Model: ask.name, Segment: ask.segment, Whole: ask.segment == "", WindowMS: view.Window, Limit: maxFiring}); err != nil {
		return view, err
	}
	if err := h.readMarks(ctx, t); err != nil {
		return view, err
	}
	view.Restated = h.stretch(func(r *store.ScoreRow) bool { return r.Revision > 0 })
	view.Replayed = h.stretch(func(r *store.ScoreRow) bool { return r.Replayed && r.Revision == 0 })
	view.Shown, view.Cut = int64(len(h.rows)), len(h.rows) == mostWindows
	if n := len(h.rows); n > 0 {
		view.Newest, view.FirstMS, view.LastMS = &h.rows[n-1], h.rows[0].EndMS, h.rows[n-1].EndMS
		view.Features, view.Reference = h.newest.Features, h.rows[n-1].Reference
		view.Joint = h.newest.Joint.joint()
		view.state, view.reason = h.newest.State, h.newest.Reason
		byContribution(view.Features)
	}
	view.PSI, view.Share, view.KS, view.AccuracyPlot = h.psi(), h.share(), h.ks(), h.accuracy()
	view.Heat, view.MoreRows = h.heat()
	if ask.segment != "" {
		view.Headline, err = segmentHeadline(&view, m.open)
		return view, err
	}
	if view.Segments, err = segmentRows(parts, m.open, view.Window); err != nil {
		return view, err
	}
	if view.Predictions, err = predictionRows(m.latest, m.open, view.Window, m.Champion); err != nil {
		return view, err
	}
	if len(view.Predictions) > 0 && view.Predictions[0].Verdict != "" {
		if view.AnswersPlot, err = h.predictions(ctx, t, view.Predictions[0].Version); err != nil {
			return view, err
		}
	}
	view.Headline, err = headline(ctx, t, &m, view.Newest)
	return view, err
}

func (view *modelView) readLists(ctx context.Context, t *store.Tx, ask modelAsk) (err error) {
	name := ask.name
	if view.Alarms, err = t.AllAlarms(ctx, store.AlarmQuery{Model: name, Segment: ask.segment, Limit: listed}); err != nil {
		return err
	}
	if err := t.MuteAlarms(ctx, view.Alarms, ask.nowMS); err != nil {
		return err
	}
	retrains, err := t.Retrains(ctx, store.RetrainQuery{Model: name, Limit: 20})
	if err != nil {
		return err
	}
	for _, r := range retrains {
		view.Retrains = append(view.Retrains, retrainRow{r, retrainSentence(r)})
	}
	view.Versions, err = versionRows(ctx, t, name)
	view.Versions = view.Versions[:min(len(view.Versions), 20)]
	return err
}

// headline says in a sentence or two how the model stands.
func headline(ctx context.Context, t *store.Tx, m *modelNow, newest *store.ScoreRow) (string, error) {
	switch st := status(m.Status); st {
	case statusQuality, statusPerformance, statusDrift:
		kind := map[status]string{statusQuality: "quality", statusPerformance: "performance", statusDrift: "drift"}[st]
		i := slices.IndexFunc(m.open, func(a store.AlarmRow) bool { return a.Kind == kind && a.Segment == "" })
		if i < 0 { // of all features together alone
			i = slices.IndexFunc(m.open, func(a store.AlarmRow) bool { return a.Kind == kindJoint })
		}
		if i < 0 && st == statusDrift { // of what a version answers alone
			i = slices.IndexFunc(m.open, func(a store.AlarmRow) bool { return a.Kind == kindPrediction })
		}
		if i < 0 { // of a part of the traffic alone
			i = slices.IndexFunc(m.open, func(a store.AlarmRow) bool { return a.Kind == kind })
		}
		e, err := explain(ctx, t, m.open[i].Episode, 0)
		parts := append([]string{e.Why}, e.Done...)
		if newest != nil && newest.Judged > 0 {
			parts = append(parts, "Now: "+standing(newest)+".")
		}
		return strings.Join(parts, " "), err
	case statusEmpty:
		return "No window has been scored yet: " + m.Missing + ". Send events of this model to the input topics; driftline doctor says whether they arrive.", nil
	case statusPaused:
		return "Paused: events are counted and windows judged, but nothing is retrained or promoted by itself until it is resumed.", nil
	case statusStale:
		return "Stale: no window could be judged for longer than is normal for this model. Silence is not quiet: see the streams.", nil
	}
	r := m.main
	if newest != nil {
		r = newest
	}
	if r.Judged == 0 {
		text := "Learning: " + groupText(r.Rows) + " rows in the newest " + spanText(r.WindowMS) + " window (to " + momentText(r.EndMS) + " UTC), no verdict on any feature yet."
		if m.Missing != "" {
			text += " Missing: " + m.Missing + "."
		}
		return text, nil
	}
	if m.warning != nil && status(m.Status) == statusRising {
		return "Rising: an early warning of " + momentText(m.EarlyMS) + " UTC says that " + cmp.Or(m.EarlyOf, "a feature") + " no longer follows the reference. " + capital(standing(r)) + ".", nil
	}
	if status(m.Status) == statusRising {
		return "Rising: " + standing(r) + ". An alarm fires if it stays so.", nil
	}
	return "Quiet: " + standing(r) + ".", nil
}

// capital makes the first letter of a sentence large.
func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// standing sums up a window.
func standing(r *store.ScoreRow) string {
	out := groupText(r.Drifted) + " of " + groupText(r.Judged) + " features drifted in the newest " + spanText(r.WindowMS) + " window (to " + momentText(r.EndMS) + " UTC)"
	if r.MaxPSI != nil {
		out += "; largest PSI " + decimals(*r.MaxPSI) + ", " + r.MaxFeature
	}
	return out
}
