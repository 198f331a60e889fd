package check

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Summary writes the report for people: the lines that ACIS prints, then what drifted.
func (out *Report) Summary(w io.Writer) error {
	var b strings.Builder
	b.WriteString("Drift Detection Summary:\n")
	fmt.Fprintf(&b, "  Features analyzed: %d\n", out.Analyzed)
	fmt.Fprintf(&b, "  Features with drift (KS): %d\n", out.DriftedKS)
	fmt.Fprintf(&b, "  Features with drift (PSI): %d\n", out.DriftedPSI)
	fmt.Fprintf(&b, "  Features with drift (verdict): %d of %d judged\n", out.Drifted, out.Judged)
	fmt.Fprintf(&b, "  Drift ratio: %s\n", percent(out.DriftRatio))
	fmt.Fprintf(&b, "  Retraining threshold: %s\n", percent(out.Threshold))
	switch {
	case !out.Enough:
		b.WriteString("  Retraining needed: UNKNOWN, not enough data\n")
	case out.RetrainingNeeded:
		b.WriteString("  Retraining needed: YES\n")
	default:
		b.WriteString("  Retraining needed: NO\n")
	}
	fmt.Fprintf(&b, "  Reference: %s\n  Current: %s\n", out.Windows.Reference.found(), out.Windows.Current.found())
	if r := out.Reference; r != nil {
		fmt.Fprintf(&b, "  Reference of the registry: %s (%s)\n", r.ID, r.Kind)
	}
	if out.Bad > 0 {
		fmt.Fprintf(&b, "  Features with bad data: %d\n", out.Bad)
	}
	fmt.Fprintf(&b, "  Dependence of records: %s\n", out.dependence())
	if e := out.Emitted; e != nil {
		b.WriteString("  Drift event: " + e.String() + "\n")
	}
	out.table(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (out *Report) dependence() string {
	if out.Blocks > 0 {
		s := fmt.Sprintf("%s, %d of them", out.Dependence, out.Blocks)
		if out.BlockMS > 0 {
			s += " of " + span(out.BlockMS)
		}
		return s
	}
	return out.Dependence
}

// mostLines is how many features are listed for people.
const mostLines = 40

// table lists the features that are not stable, the most drifted first.
func (out *Report) table(b *strings.Builder) {
	if out.NReference == 0 || out.NCurrent == 0 {
		return // every feature would say the same
	}
	listed := out.byPSI()
	shown := 0
	for _, f := range listed {
		if f.Verdict == "stable" && !f.Warned {
			continue
		}
		if shown++; shown > mostLines {
			continue
		}
		if shown == 1 {
			fmt.Fprintf(b, "\n  %-28s %-13s %9s %9s %9s  %s\n", "FEATURE", "VERDICT", "PSI", "AT LEAST", "KS", "WHY")
		}
		verdict := f.Verdict
		if f.Verdict == "stable" {
			verdict = "warned"
		}
		fmt.Fprintf(b, "  %-28s %-13s %9s %9s %9s", f.Name, verdict, digits(f.PSI), digits(f.PSILower), f.KSText())
		if f.Why != "" {
			fmt.Fprintf(b, "  %s", f.Why)
		}
		b.WriteString("\n")
	}
	if shown > mostLines {
		fmt.Fprintf(b, "  … and %d more; --report has all\n", shown-mostLines)
	}
	bad := 0
	for _, f := range listed {
		if f.BadData == "" {
			continue
		}
		if bad++; bad <= mostLines {
			fmt.Fprintf(b, "\n  Data quality of %s: %s", f.Name, f.BadData)
		}
	}
	if bad > mostLines {
		fmt.Fprintf(b, "\n  … and of %d more", bad-mostLines)
	}
	if bad > 0 {
		b.WriteString("\n")
	}
	for _, x := range []struct {
		what  string
		names []string
	}{{"not in the current rows", out.Missing}, {"not in the reference", out.Added}} {
		if len(x.names) > 0 {
			fmt.Fprintf(b, "\n  Features %s: %s\n", x.what, strings.Join(x.names, ", "))
		}
	}
}

// KSText is the distance, or the interval that it lies in.
func (f *Feature) KSText() string {
	if !f.KS.defined() && f.KSLow.defined() && len(f.Undefined) > 0 {
		if low, high := fmt.Sprintf("%.2f", float64(f.KSLow)), fmt.Sprintf("%.2f", float64(f.KSHigh)); low != high {
			return low + "–" + high
		}
		return digits(f.KSLow)
	}
	return digits(f.KS)
}

// String says what was told, for people.
func (e *Emitted) String() string {
	if e.Type == "" {
		return "none: " + e.Why
	}
	return fmt.Sprintf("%s, alarm %s (%s)", e.Type, e.Episode, e.Why)
}

// span is a length of time: 7d, 36h0m0s.
func span(ms int64) string {
	if ms%dayMS == 0 {
		return fmt.Sprintf("%dd", ms/dayMS)
	}
	return (time.Duration(ms) * time.Millisecond).String()
}

func digits(x num) string {
	if !x.defined() {
		return "–"
	}
	return fmt.Sprintf("%.4f", float64(x))
}
