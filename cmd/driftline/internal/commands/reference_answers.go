package commands

import (
	"fmt"
	"slices"
	"strings"

	"github.com/driftline/driftline/drift/performance"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/trainer/reference"
)

// builtAnswers says which answers the windows of a version are compared with.
type builtAnswers struct {
	Held     bool     `json:"held"`
	Why      string   `json:"why,omitempty"` // why none are
	Version  string   `json:"version"`
	Rows     uint64   `json:"rows,omitempty"`
	Features []string `json:"features,omitempty"`   // score, prediction
	Windows  []int64  `json:"windows_ms,omitempty"` // lengths whose dependence is known
	More     bool     `json:"more,omitempty"`       // there were more than are held
}

// answers collects what the model answered in the rows' time.
type answers struct {
	classes  []string
	version  string // the only one that is kept; "": all are
	most     int    // how many are held
	excluded wire.Exclusions
	all      []reference.Answer
	names    map[string]string // versions, in memory of their own
	more     bool              // there were more than are held
}

// maxAnswers is how many answers are held, in about 1.6 GB while they are counted; those beyond are
// left out, and that is said.
const maxAnswers = 10_000_000

func (b *builder) newAnswers() *answers {
	m, _ := b.declared.View.Model(b.model, 1<<62)
	classes := m.Classes
	if len(classes) == 0 {
		classes = wire.DefaultClasses
	}
	return &answers{classes: classes, version: b.flags.version, most: maxAnswers, excluded: b.excluded, names: map[string]string{}}
}

// event takes the answer of a prediction, if it has one.
func (a *answers) event(ms int64, ev *event.Event) {
	if !ev.HasScore && !ev.HasPrediction {
		return
	}
	class := ""
	if ev.HasPrediction {
		class, _ = ev.Prediction.Text()
	}
	a.add(reference.Answer{TimeMS: ms, Version: ev.Version, Score: ev.Score, HasScore: ev.HasScore, Class: class})
}

// example takes the answer of an example, if it has one.
func (a *answers) example(ms int64, p *store.Prediction) {
	if p == nil || p.Score == nil && p.Class == "" {
		return
	}
	x := reference.Answer{TimeMS: ms, Version: p.Version, Class: p.Class}
	if p.Score != nil {
		x.Score, x.HasScore = *p.Score, true
	}
	a.add(x)
}

// add keeps an answer, where no exclusion covers its time, beyond the record that its texts are parts of.
func (a *answers) add(x reference.Answer) {
	if a.excluded.Covers(x.TimeMS, x.TimeMS+1) {
		return
	}
	if a.version != "" && x.Version != a.version {
		return // another version's would take the room of those asked for
	}
	if len(a.all) >= a.most {
		a.more = true
		return
	}
	version, ok := a.names[x.Version]
	if !ok {
		version = strings.Clone(x.Version)
		a.names[version] = version
	}
	x.Version = version
	if i := slices.Index(a.classes, x.Class); i >= 0 {
		x.Class = a.classes[i]
	} else {
		x.Class = performance.OtherClass
	}
	a.all = append(a.all, x)
}

// of is the version whose answers are taken, "" for the one with most: the one that was
// asked for, and for the last good days the one that serves, for it is its days that were
// good. Where no event names that one, as where services name none, it is that with most.
func (a *answers) of(src source, version string) string {
	if _, answered := a.names[version]; src.kind == fromLastGood && answered {
		return version
	}
	return a.version
}

// answer adds to what was built the answers that came with its rows, or says why there are
// none. version is that of the reference.
func (b *builder) answer(src source, version string) (out builtAnswers, err error) {
	if b.answered == nil {
		out.Why = "a source of kind " + src.kind + " tells of none; topic, last-good and examples do"
		return out, nil
	}
	a, why, err := reference.Answers(reference.AnswersSpec{
		Version: b.answered.of(src, version), Classes: b.answered.classes, WindowsMS: b.declared.Layout.WindowsMS, Ordered: true, MinRows: b.flags.minRows,
	}, b.answered.all)
	if err != nil || a == nil {
		return builtAnswers{Why: why}, err
	}
	b.res.Reference.Answers = a
	out = builtAnswers{Held: true, Version: a.Version, Rows: a.Scores.Rows, More: b.answered.more}
	for i := range a.Counts.Grid.Features {
		out.Features = append(out.Features, a.Counts.Grid.Features[i].Name)
	}
	for _, x := range a.Blocks {
		out.Windows = append(out.Windows, x.LengthMS)
	}
	return out, nil
}

// words says it in a line.
func (a builtAnswers) words() string {
	if !a.Held {
		return "answers are not compared: " + a.Why
	}
	version := "version " + a.Version
	if a.Version == "" {
		version = "events without a version"
	}
	text := fmt.Sprintf("answers of %s: %d, compared by %s", version, a.Rows, strings.Join(a.Features, " and "))
	if a.More {
		text += fmt.Sprintf("; only the first %d answers were held", maxAnswers)
	}
	if len(a.Windows) == 0 {
		text += "; too few windows fit to tell how dependent they are, so that nothing is claimed"
	}
	return text
}
