package commands

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/web"
)

// predictionsText is what a version answered in its newest window, and how that compares with
// what it answered for the reference.
func predictionsText(s web.Score) string {
	text := fmt.Sprintf("%s to %s: %d rows", span(s.WindowMS), moment(s.EndMS), s.Rows)
	if p := s.Predictions; p != nil {
		text += ", mean score " + number(p.MeanScore)
		if classes := classesText(p.Classes); classes != "" {
			text += ", classes " + classes
		}
	}
	if len(s.Features) == 0 {
		if s.State == wire.StateEmpty {
			return text + "; no verdict: no answers in the window, alarm " + or(s.AlarmPhase, unknown)
		}
		return text + "; not compared: the reference holds no answers of this version, or policy.predictions is off"
	}
	for _, f := range s.Features {
		text += fmt.Sprintf("; %s %s, PSI %s", f.Name, f.Verdict, number(f.PSI))
		if f.Reason != "" {
			text += " (" + f.Reason + ")"
		}
	}
	return text + ", alarm " + or(s.AlarmPhase, unknown)
}

// mostClasses bounds the classes that a line shows.
const mostClasses = 5

// classesText lists the most frequent predicted classes with their share.
func classesText(classes map[string]int64) string {
	names := make([]string, 0, len(classes))
	all := int64(0)
	for name, n := range classes {
		names, all = append(names, name), all+n
	}
	if all == 0 {
		return ""
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(classes[b], classes[a]), strings.Compare(a, b)) })
	var parts []string
	for _, name := range names[:min(len(names), mostClasses)] {
		parts = append(parts, fmt.Sprintf("%s %.1f %%", or(name, "none"), 100*float64(classes[name])/float64(all)))
	}
	if more := len(names) - mostClasses; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, ", ")
}

// predictionEvidence says in lines what an event of kind prediction rests on; none where it
// cannot be read.
func predictionEvidence(event []byte) (lines []string) {
	var e wire.Event
	if err := json.Unmarshal(event, &e); err != nil {
		return nil
	}
	figure := func(x *int64) string {
		if x == nil {
			return unknown
		}
		return fmt.Sprintf("%.3f", float64(*x)/1e9)
	}
	lines = append(lines, fmt.Sprintf("answers of version %s against its answers for the rows of the reference, n = %d against %d; starts no retrain: answers changed, which does not say that they are worse",
		e.Data.Version, e.Data.Rows, e.Data.ReferenceRows))
	for _, f := range e.Data.Top {
		line := fmt.Sprintf("%s: %s, PSI %s, lower bound %s", f.Name, f.Verdict, figure(f.PSI), figure(f.PSILower))
		for _, c := range f.Top[:min(len(f.Top), 3)] {
			if c.Ref != nil && c.Cur != nil {
				line += fmt.Sprintf("; %s: %.1f %% to %.1f %%", c.Label, float64(*c.Ref)/1e7, float64(*c.Cur)/1e7)
			}
		}
		lines = append(lines, line)
	}
	return lines
}
