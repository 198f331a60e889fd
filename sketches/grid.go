package sketches

import "fmt"

// MaxFeatures is the hard cap of features in one grid.
const MaxFeatures = 2000

// Grid is the frozen grid of a model: its features in a fixed order. It is safe
// for concurrent use and never changes after NewGrid.
type Grid struct {
	Features []FeatureGrid

	index   map[string]int
	offset  []int // cells of the features before each, and of all
	columns columns
	bytes   []byte
	id      ID
}

// NewGrid freezes features in the order given; the slice is copied.
//
// Errors: ErrBadGrid for none, more than 2 000, two of one name, or a feature that
// was not made by NewNumeric or NewCategorical and does not hold together.
func NewGrid(features []FeatureGrid) (*Grid, error) {
	if len(features) == 0 || len(features) > MaxFeatures {
		return nil, fmt.Errorf("%w: %d features, want 1 … %d", ErrBadGrid, len(features), MaxFeatures)
	}
	g := &Grid{Features: append([]FeatureGrid(nil), features...), index: make(map[string]int, len(features)), offset: []int{0}}
	for i := range g.Features {
		f := &g.Features[i]
		if err := f.prepare(); err != nil {
			return nil, err
		}
		if j, twice := g.index[f.Name]; twice {
			return nil, fmt.Errorf("%w: features %d and %d are both named %q", ErrBadGrid, j, i, f.Name)
		}
		g.index[f.Name] = i
		g.offset = append(g.offset, g.offset[i]+f.Cells())
	}
	g.columns = newColumns(g.Features)
	g.bytes = g.encode()
	g.id = hashBytes(g.bytes)
	return g, nil
}

// ID returns the content hash: the first 16 bytes of SHA-256 over Encode.
func (g *Grid) ID() ID { return g.id }

// Index returns the position of a feature.
func (g *Grid) Index(name string) (int, bool) {
	i, ok := g.index[name]
	return i, ok
}

// cells returns the number of cells of all features.
func (g *Grid) cells() int { return g.offset[len(g.Features)] }

// Encode returns the canonical bytes, a frame of kind FrameGrid. The caller must
// not change them.
func (g *Grid) Encode() []byte { return g.bytes }

const gridSchema = 1

func (g *Grid) encode() []byte {
	var e Encoder
	e.Count(len(g.Features))
	for i := range g.Features {
		f := &g.Features[i]
		e.String(f.Name)
		e.Byte(byte(f.Kind))
		if f.Kind == Numeric {
			f.encodeNumeric(&e)
		} else {
			f.encodeCategorical(&e)
		}
	}
	return Frame(FrameGrid, gridSchema, e.Data())
}

func (f *FeatureGrid) encodeNumeric(e *Encoder) {
	e.Count(len(f.Edges))
	for _, x := range f.Edges {
		e.Float64(x)
	}
	before := 0
	for _, at := range f.Quantile {
		e.Uvarint(uint64(at - before))
		before = at
	}
	e.Float64(f.Centre)
	e.Varint(int64(f.Exp))
}

func (f *FeatureGrid) encodeCategorical(e *Encoder) {
	e.Count(len(f.Names))
	for _, n := range f.Names {
		e.String(n)
	}
	for _, fps := range [][]uint64{f.Tail, f.Known} {
		e.Count(len(fps))
		for _, h := range fps {
			e.Uint64(h)
		}
	}
	e.Uint64(f.Seed)
}

// DecodeGrid reads what Encode wrote, and nothing else: the result encodes to the
// same bytes.
//
// Errors: ErrNotFrame, ErrChecksum, ErrSchema, ErrCorrupt, ErrBadGrid.
func DecodeGrid(b []byte) (*Grid, error) {
	body, err := UnframeAs(b, FrameGrid, gridSchema, "grid")
	if err != nil {
		return nil, err
	}
	d := NewDecoder(body)
	n := d.Count(3)
	if n > MaxFeatures {
		d.Fail("%d features, at most %d", n, MaxFeatures)
	}
	var features []FeatureGrid
	for i := 0; i < n && d.Err() == nil; i++ {
		f := FeatureGrid{Name: d.String(), Kind: Kind(d.Byte())}
		switch {
		case d.Err() != nil:
		case f.Kind == Numeric:
			f.decodeNumeric(d)
		case f.Kind == Categorical:
			f.decodeCategorical(d)
		default:
			d.Fail("feature %d has kind %d", i, f.Kind)
		}
		features = append(features, f)
	}
	if err := d.Finish(); err != nil {
		return nil, fmt.Errorf("grid: %w", err)
	}
	g, err := NewGrid(features)
	if err != nil {
		return nil, fmt.Errorf("grid: %w", err)
	}
	return g, nil
}

func (f *FeatureGrid) decodeNumeric(d *Decoder) {
	f.Edges = make([]float64, d.Count(8))
	for i := range f.Edges {
		f.Edges[i] = d.Float64()
	}
	f.Quantile = make([]int, Quantiles)
	at := uint64(0)
	for j := range f.Quantile {
		step := d.Uvarint()
		if step >= uint64(len(f.Edges)) || at+step >= uint64(len(f.Edges)) {
			d.Fail("quantile %d beyond %d edges", j, len(f.Edges))
			return
		}
		at += step
		f.Quantile[j] = int(at)
	}
	f.Centre = d.Float64()
	exp := d.Varint()
	if exp < minExp || exp > maxExp {
		d.Fail("exponent %d outside %d … %d", exp, minExp, maxExp)
	}
	f.Exp = int(exp)
}

func (f *FeatureGrid) decodeCategorical(d *Decoder) {
	f.Names = make([]string, d.Count(1))
	for i := range f.Names {
		f.Names[i] = d.String()
	}
	for _, fps := range []*[]uint64{&f.Tail, &f.Known} {
		if n := d.Count(8); n > 0 {
			*fps = make([]uint64, n)
			for i := range *fps {
				(*fps)[i] = d.Uint64()
			}
		}
	}
	f.Seed = d.Uint64()
}
