package drift

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Missing is what is known of a window that has no verdict yet: which of the things that a
// verdict takes are not there. Make one of the newest window and ask Words. Times are
// milliseconds of event time.
type Missing struct {
	WindowMS, EndMS int64 // EndMS 0: no window has been seen
	Rows, MinRows   int64

	Reference bool    // there is one
	Filled    float64 // part of the window that lies after counting began, 0 … 1
	WarmUp    float64 // part that must

	Covered, MinCovered float64 // share of the input

	Learning bool  // the reference has no blocks: live windows must be seen first
	Seen     int64 // of MinLiveWindows

	Features, Judged int
	MinJudged        float64 // share of the features with a verdict

	// Of a feature without a verdict: effective size, what it must be, design effect, and
	// the smallest PSI that could be told; 0 and NaN where not known.
	NEff, MinNEff, Design, Detectable float64
}

// Words says what is missing, and at which window end the first verdict comes if the traffic
// stays as it is: 0 where that cannot be told, because something has to be done first. An
// empty text means that nothing is missing.
func (m Missing) Words() (text string, firstMS int64) {
	window := spanWords(m.WindowMS)
	switch {
	case m.EndMS == 0:
		return "no window has ended yet: the first score comes once events have been counted and the first window is over", 0
	case !m.Reference:
		return fmt.Sprintf("no reference yet: %s in the newest window of %s; driftline reference build makes one, and the first verdict comes with the window after it", rowsWords(m.Rows), window), 0
	case m.Rows == 0:
		return "no rows in the newest window of " + window, 0
	}
	var parts []string
	if m.Filled < m.WarmUp {
		firstMS = m.EndMS + int64(math.Ceil((m.WarmUp-m.Filled)*float64(m.WindowMS)))
		parts = append(parts, fmt.Sprintf("%s of the window of %s has been counted, %s are needed", percentWords(m.Filled), window, percentWords(m.WarmUp)))
	}
	if m.Learning {
		left := max(1, MinLiveWindows-m.Seen)
		firstMS = max(firstMS, m.EndMS-floorMod(m.EndMS, m.WindowMS)+left*m.WindowMS)
		parts = append(parts, fmt.Sprintf("%d of %d windows of %s seen, from which is learnt how records hang together", m.Seen, MinLiveWindows, window))
	}
	if len(parts) > 0 {
		return strings.Join(parts, "; ") + "; the first verdict comes about " + momentWords(firstMS) + " UTC if the traffic stays", firstMS
	}
	switch {
	case m.Covered < m.MinCovered:
		return fmt.Sprintf("%s of the input was there, %s are needed: a verdict comes once the sources have caught up", percentWords(m.Covered), percentWords(m.MinCovered)), 0
	case m.Rows < m.MinRows:
		return fmt.Sprintf("%s in the window of %s, %d are needed: no verdict comes at this rate; watch a longer window", rowsWords(m.Rows), window, m.MinRows), 0
	case m.Features > 0 && (m.Judged == 0 || float64(m.Judged) < m.MinJudged*float64(m.Features)):
		text = fmt.Sprintf("%d of %d features could be judged, %s are needed", m.Judged, m.Features, percentWords(m.MinJudged))
		if m.NEff > 0 && m.NEff < m.MinNEff {
			text += fmt.Sprintf("; effective size %s of %s, at least %s is needed", figure(m.NEff), rowsWords(m.Rows), figure(m.MinNEff))
			if m.Design > 1 {
				text += fmt.Sprintf(" (%s rows weigh as one)", figure(m.Design))
			}
			if m.Detectable > 0 && !math.IsInf(m.Detectable, 1) {
				text += ", and only a PSI of " + figure(m.Detectable) + " or more could be told"
			}
		}
		return text + ": no verdict comes at this rate; watch a longer window", 0
	}
	return "", 0
}

func floorMod(a, b int64) int64 {
	if b <= 0 {
		return 0
	}
	return ((a % b) + b) % b
}

func rowsWords(n int64) string {
	if n == 1 {
		return "1 row"
	}
	return strconv.FormatInt(n, 10) + " rows"
}

func percentWords(x float64) string { return strconv.FormatFloat(100*x, 'f', 0, 64) + " %" }

func figure(x float64) string { return strconv.FormatFloat(x, 'g', 3, 64) }

func momentWords(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04") }

// spanWords writes a length of time in days, hours, minutes or seconds.
func spanWords(ms int64) string {
	for _, u := range []struct {
		ms   int64
		name string
	}{{48 * hourMS, ""}, {hourMS, " h"}, {60_000, " min"}, {1000, " s"}} {
		switch {
		case u.name == "" && ms >= u.ms && ms%(24*hourMS) == 0:
			return strconv.FormatInt(ms/(24*hourMS), 10) + " d"
		case u.name != "" && ms >= u.ms && ms%u.ms == 0:
			return strconv.FormatInt(ms/u.ms, 10) + u.name
		}
	}
	return strconv.FormatInt(ms, 10) + " ms"
}
