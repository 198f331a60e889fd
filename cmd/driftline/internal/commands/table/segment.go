package table

import (
	"strings"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/trainer/reference"
)

// within returns the membership of a row with this cell in a dimension, too. Cells are the
// texts that events have: whole numbers as they are written, truths as true and false.
func within(m *reference.Members, in reference.Membership, dimension int, v sketches.Value) reference.Membership {
	text, _ := v.Text()
	if v.Kind() == sketches.ValueString {
		return withinText(m, in, dimension, text)
	}
	return m.With(in, dimension, text)
}

// withinText is within for a cell that is a text. A text that is declared is taken as it is
// written; else one of a truth in other letters, as True, is that truth.
func withinText(m *reference.Members, in reference.Membership, dimension int, text string) reference.Membership {
	out := m.With(in, dimension, text)
	if _, ok := truth(text); ok && m.Value(out, dimension) < 0 {
		out = m.With(in, dimension, strings.ToLower(text))
	}
	return out
}
