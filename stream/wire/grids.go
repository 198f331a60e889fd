package wire

import (
	"crypto/sha256"
	"sync"
	"weak"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/sketches/joint"
)

// Grids lets the readers of one process share decoded grids: every source of a process
// reads the same control records, and a decoded grid is an order of magnitude larger than
// its bytes. Grids are immutable; one that nobody uses any more is given back. The nil
// *Grids shares nothing. Safe for concurrent use.
type Grids struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]sharedGrid // by the bytes of the control record
}

type sharedGrid struct {
	GridControl // without its grid and embedding
	grid        weak.Pointer[sketches.Grid]
	joint       weak.Pointer[joint.Embedding] // that of nil where there is none
	with        bool                          // there is one
}

// NewGrids returns an empty set.
func NewGrids() *Grids { return &Grids{known: map[[sha256.Size]byte]sharedGrid{}} }

// Decode is DecodeGridControl.
func (s *Grids) Decode(b []byte) (GridControl, error) {
	if s == nil {
		return DecodeGridControl(b)
	}
	key := sha256.Sum256(b)
	s.mu.Lock()
	defer s.mu.Unlock() // also while it is decoded: the others wait for just this
	if have, ok := s.known[key]; ok {
		out := have.GridControl
		out.Grid, out.Joint = have.grid.Value(), have.joint.Value()
		if out.Grid != nil && (out.Joint != nil) == have.with {
			return out, nil
		}
	}
	g, err := DecodeGridControl(b)
	if err != nil {
		return g, err
	}
	for k, have := range s.known {
		if have.grid.Value() == nil {
			delete(s.known, k)
		}
	}
	kept := sharedGrid{GridControl: g, grid: weak.Make(g.Grid), joint: weak.Make(g.Joint), with: g.Joint != nil}
	kept.Grid, kept.Joint = nil, nil
	s.known[key] = kept
	return g, nil
}
