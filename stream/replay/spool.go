package replay

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// SpoolBytes is how much text of lines a Spool keeps in memory before it writes to a
// temporary file.
const SpoolBytes = 64 << 20

// Spool gathers lines in any order and gives them sorted, without repeats. Their text
// goes to a temporary file once it is large; of a line about 50 bytes stay in memory.
// Not safe for concurrent use.
type Spool struct {
	limit  int
	series []Line // without time, kind and value
	ids    map[spoolSeries]int32
	kinds  []string
	lines  []spooled
	memory []byte // text that is not in the file
	begin  int64  // where memory begins
	file   *os.File
}

type spoolSeries struct {
	model, version, reference string
	windowMS                  int64
}

type spooled struct {
	endMS, at    int64
	series, size int32
	kind         int32
}

// NewSpool returns an empty spool; limit 0 is SpoolBytes.
func NewSpool(limit int) *Spool {
	return &Spool{limit: cmp.Or(limit, SpoolBytes), ids: map[spoolSeries]int32{}}
}

// Len returns how many lines were added.
func (s *Spool) Len() int { return len(s.lines) }

// Add keeps a line.
func (s *Spool) Add(l Line) error {
	if len(s.memory)+len(l.Value) > s.limit && len(s.memory) > 0 {
		if err := s.spill(); err != nil {
			return err
		}
	}
	k := spoolSeries{l.Model, l.Version, l.Reference, l.WindowMS}
	id, had := s.ids[k]
	if !had {
		id = int32(len(s.series))
		s.ids[k] = id
		s.series = append(s.series, Line{Model: l.Model, Version: l.Version, Reference: l.Reference, WindowMS: l.WindowMS})
	}
	kind := slices.Index(s.kinds, l.Kind)
	if kind < 0 {
		kind = len(s.kinds)
		s.kinds = append(s.kinds, l.Kind)
	}
	s.lines = append(s.lines, spooled{endMS: l.EndMS, at: s.begin + int64(len(s.memory)), series: id, size: int32(len(l.Value)), kind: int32(kind)})
	s.memory = append(s.memory, l.Value...)
	return nil
}

func (s *Spool) spill() error {
	if s.file == nil {
		f, err := os.CreateTemp("", "driftline-replay-*")
		if err != nil {
			return fmt.Errorf("keep the lines of a replay: %w; set TMPDIR to a folder with room", err)
		}
		s.file = f
	}
	if _, err := s.file.Write(s.memory); err != nil {
		return fmt.Errorf("keep the lines of a replay in %s: %w; set TMPDIR to a folder with room", s.file.Name(), err)
	}
	s.begin += int64(len(s.memory))
	s.memory = s.memory[:0]
	return nil
}

// read returns the text of a line, valid until the next read into buf.
func (s *Spool) read(l spooled, buf *[]byte) ([]byte, error) {
	if l.at >= s.begin {
		return s.memory[l.at-s.begin:][:l.size], nil
	}
	*buf = slices.Grow((*buf)[:0], int(l.size))[:l.size]
	if _, err := s.file.ReadAt(*buf, l.at); err != nil {
		return nil, fmt.Errorf("read the lines of a replay back: %w", err)
	}
	return *buf, nil
}

// Write writes the lines in order, one a row, each once.
func (s *Spool) Write(w io.Writer) error {
	var fault error
	var one, two []byte
	slices.SortFunc(s.lines, func(a, b spooled) int {
		x, y := s.series[a.series], s.series[b.series]
		x.EndMS, y.EndMS, x.Kind, y.Kind = a.endMS, b.endMS, s.kinds[a.kind], s.kinds[b.kind]
		if c := x.Compare(y); c != 0 || fault != nil {
			return c
		}
		p, err := s.read(a, &one)
		q, more := s.read(b, &two)
		if fault = errors.Join(err, more); fault != nil {
			return 0
		}
		return bytes.Compare(p, q)
	})
	if fault != nil {
		return fault
	}
	out := bufio.NewWriterSize(w, 1<<20)
	var last []byte
	for i, l := range s.lines {
		text, err := s.read(l, &one)
		if err != nil {
			return err
		}
		if i > 0 && bytes.Equal(text, last) {
			continue
		}
		last = append(last[:0], text...)
		if _, err := out.Write(text); err != nil {
			return err
		}
		if err := out.WriteByte('\n'); err != nil {
			return err
		}
	}
	return out.Flush()
}

// Close removes the temporary file.
func (s *Spool) Close() error {
	if s.file == nil {
		return nil
	}
	name := s.file.Name()
	err := s.file.Close()
	if removed := os.Remove(name); err == nil {
		err = removed
	}
	s.file = nil
	return err
}
