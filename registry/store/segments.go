package store

import (
	"context"
	"strings"
)

// AnySegment asks for every declared part of the traffic, and not for all of it. It holds
// no "=", so that no part has this name.
const AnySegment = "*"

// maxSegment bounds the text of a part, in bytes.
const maxSegment = 10_000

// CheckSegment returns ErrInvalid for a text that names no part of a model's traffic, such
// as region=eu.
func CheckSegment(text string) error {
	if len(text) > maxSegment {
		return fault(ErrInvalid, "a part of the traffic is named in at most %d bytes, not %d", maxSegment, len(text))
	}
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" || value == "" {
		return fault(ErrInvalid, "%q names no part of the traffic: want NAME=VALUE, such as region=eu", cut(text, 100))
	}
	return nil
}

// segmentTest is the test of a column against what a query asks for: AnySegment or a part.
// That it is a part at all is said in so many words, for an index holds only those.
func segmentTest(b *builder, column, segment string) string {
	test := " AND " + column + " <> ''"
	if segment != AnySegment {
		test += " AND " + column + " = " + b.arg(segment)
	}
	return test
}

// LatestSegments returns, for each part of the model's traffic, version and window length,
// the newest final score, whichever reference it is against.
func (t *Tx) LatestSegments(ctx context.Context, model string) ([]ScoreRow, error) {
	var b builder
	b.text(scoreSelect(false) + `latest_scores m CROSS JOIN scores s
		WHERE s.model = m.model AND s.version = m.version AND s.reference = m.reference AND s.window_ms = m.window_ms AND s.end_ms = m.end_ms
		AND m.model = ` + b.arg(model) + ` AND m.segment <> '' ORDER BY m.segment, m.version, m.window_ms, m.end_ms DESC, m.reference`)
	rows, err := t.scoreRows(ctx, &b)
	var out []ScoreRow
	for _, r := range rows {
		if n := len(out); n > 0 && out[n-1].Segment == r.Segment && out[n-1].Version == r.Version && out[n-1].WindowMS == r.WindowMS {
			continue // against an earlier reference
		}
		out = append(out, r)
	}
	return out, err
}

// LatestSegments is Tx.LatestSegments over a snapshot of its own.
func (s *Store) LatestSegments(ctx context.Context, model string) ([]ScoreRow, error) {
	return inRead(ctx, s, func(t *Tx) ([]ScoreRow, error) { return t.LatestSegments(ctx, model) })
}

// KnownSegment refuses a part of the traffic that no newest score of the model is of. A
// model without scores of parts takes any.
func (t *Tx) KnownSegment(ctx context.Context, model, segment string) error {
	var names []string
	err := t.rows(ctx, "SELECT DISTINCT segment FROM latest_scores WHERE model = $1 AND segment <> '' ORDER BY segment", []any{model}, func(r scanner) error {
		var name string
		err := r.Scan(&name)
		names = append(names, name)
		return err
	})
	if err != nil || len(names) == 0 {
		return err
	}
	for _, name := range names {
		if name == segment {
			return nil
		}
	}
	const most = 5
	known := make([]string, 0, most)
	for _, name := range names[:min(len(names), most)] {
		known = append(known, cut(name, 100))
	}
	text := strings.Join(known, ", ")
	if more := len(names) - most; more > 0 {
		text += ", …"
	}
	return fault(ErrInvalid, "%q is no part that the traffic of model %q is judged by; known are %s", cut(segment, 100), model, text)
}
