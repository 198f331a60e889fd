package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/driftline/driftline/trainer/reference"
)

const dayMS = int64(24 * time.Hour / time.Millisecond)

// Side is one of the two sets of rows.
type Side struct {
	Source string          // for people: a file, a query, a topic
	Names  []string        // features, in the order of Row.Values
	Rows   []reference.Row // TimeMS is 0 where the rows carry no time
	Unread Unread
}

// Unread are rows of a source that were left unread: they lie outside the time asked
// for. Times are epoch ms.
type Unread struct {
	Rows        int // 0: the times say nothing
	First, Last int64
}

// Period is what was asked for and what was found of one side. Times are epoch ms;
// nil where rows carry no time, First and Last also where there is no row.
type Period struct {
	Source string  `json:"source"`
	From   *Moment `json:"from"` // first instant asked for
	To     *Moment `json:"to"`   // behind the last
	Rows   int     `json:"rows"` // between them
	First  *Moment `json:"first"`
	Last   *Moment `json:"last"`
	// Beside are the rows outside, with the first and the last of all rows.
	Beside   int     `json:"rows_outside"`
	AllFirst *Moment `json:"first_of_all"`
	AllLast  *Moment `json:"last_of_all"`
}

// Moment is a time as epoch milliseconds, written as RFC 3339 in UTC.
type Moment int64

// String gives RFC 3339 in UTC, milliseconds only where there are some.
func (m Moment) String() string {
	return time.UnixMilli(int64(m)).UTC().Format("2006-01-02T15:04:05.999Z07:00")
}

// MarshalText writes RFC 3339.
func (m Moment) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads RFC 3339.
func (m *Moment) UnmarshalText(b []byte) error {
	t, err := time.Parse(time.RFC3339, string(b))
	*m = Moment(t.UnixMilli())
	return err
}

func at(ms int64) *Moment {
	m := Moment(ms)
	return &m
}

// cut keeps the rows in [from, to); from = to keeps all.
func (s Side) cut(timed bool, from, to int64) (Side, Period) {
	p := Period{Source: s.Source, Rows: len(s.Rows)}
	if !timed {
		return s, p
	}
	limits := from < to
	if limits {
		p.From, p.To = at(from), at(to)
	}
	if u := s.Unread; u.Rows > 0 {
		p.Beside = u.Rows
		p.AllFirst, p.AllLast = at(u.First), at(u.Last)
	}
	kept := s
	kept.Rows = make([]reference.Row, 0, len(s.Rows))
	for _, r := range s.Rows {
		p.AllFirst, p.AllLast = widen(p.AllFirst, p.AllLast, r.TimeMS)
		if limits && (r.TimeMS < from || r.TimeMS >= to) {
			p.Beside++
			continue
		}
		p.First, p.Last = widen(p.First, p.Last, r.TimeMS)
		kept.Rows = append(kept.Rows, r)
	}
	p.Rows = len(kept.Rows)
	slices.SortStableFunc(kept.Rows, func(a, b reference.Row) int {
		switch {
		case a.TimeMS < b.TimeMS:
			return -1
		case a.TimeMS > b.TimeMS:
			return 1
		}
		return 0
	})
	return kept, p
}

func widen(first, last *Moment, ms int64) (*Moment, *Moment) {
	if first == nil || ms < int64(*first) {
		first = at(ms)
	}
	if last == nil || ms > int64(*last) {
		last = at(ms)
	}
	return first, last
}

// mod is the remainder that is never negative.
func mod(a, b int64) int64 { return (a%b + b) % b }

// newest is the time of the last row; ok is false where there is none.
func (s Side) newest() (ms int64, ok bool) {
	for i, r := range s.Rows {
		if i == 0 || r.TimeMS > ms {
			ms, ok = r.TimeMS, true
		}
	}
	return ms, ok
}

// align puts both sides on the features that they share, in the reference's order.
// Missing ones are no longer in the current rows, added ones are only there.
func align(ref, cur Side) (r, c Side, missing, added []string, err error) {
	// Events name their features themselves: a side without any has those of the other.
	if len(ref.Names) == 0 {
		ref.Names = cur.Names
	}
	if len(cur.Names) == 0 {
		cur.Names = ref.Names
	}
	var names []string
	for _, n := range ref.Names {
		if slices.Contains(cur.Names, n) {
			names = append(names, n)
		} else {
			missing = append(missing, n)
		}
	}
	for _, n := range cur.Names {
		if !slices.Contains(ref.Names, n) {
			added = append(added, n)
		}
	}
	if len(names) == 0 && len(ref.Names) > 0 {
		return r, c, nil, nil, fmt.Errorf("%s and %s share no feature: there are %s, and %s", ref.Source, cur.Source, listed(ref.Names), listed(cur.Names))
	}
	r = Side{Source: ref.Source, Unread: ref.Unread, Names: names, Rows: reference.Pick(ref.Rows, ref.Names, names)}
	c = Side{Source: cur.Source, Unread: cur.Unread, Names: names, Rows: reference.Pick(cur.Rows, cur.Names, names)}
	return r, c, missing, added, nil
}

// listed names things, the first ten.
func listed(names []string) string {
	const most = 10
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
}
