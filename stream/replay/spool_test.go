package replay

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
)

// randomLines holds repeats and lines that differ in their text alone.
func randomLines(rng *rand.Rand, n int) (out []Line) {
	for range n {
		l := Line{
			Model: fmt.Sprint("m", rng.IntN(3)), Version: []string{"*", "1", "10"}[rng.IntN(3)], Reference: []string{"", "r"}[rng.IntN(2)],
			WindowMS: int64(1 + rng.IntN(2)), EndMS: int64(rng.IntN(40)), Kind: []string{KindScore, "detected", "resolved"}[rng.IntN(3)],
		}
		l.Value = fmt.Appendf(nil, `{"of":%q,"n":%d,"pad":%q}`, fmt.Sprint(l), rng.IntN(3), make([]byte, rng.IntN(30)))
		out = append(out, l)
	}
	return out
}

func TestSpool_GivesWhatSortingInMemoryGives(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 1))
		lines := randomLines(rng, 2000)
		for range 200 {
			lines = append(lines, lines[rng.IntN(len(lines))])
		}
		for _, limit := range []int{1, 1000, 64 << 10, 0} {
			s := NewSpool(limit)
			for _, l := range lines {
				if err := s.Add(l); err != nil {
					t.Fatal(err)
				}
			}
			var got, want bytes.Buffer
			if err := s.Write(&got); err != nil {
				t.Fatal(err)
			}
			if s.file == nil != (limit == 0) {
				t.Errorf("limit %d: a file is used: %v", limit, s.file != nil)
			}
			name := ""
			if s.file != nil {
				name = s.file.Name()
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(name); name != "" && !os.IsNotExist(err) {
				t.Errorf("%s is left: %v", name, err)
			}
			for _, l := range Dedupe(append([]Line(nil), lines...)) {
				want.Write(append(l.Value, '\n'))
			}
			if !bytes.Equal(got.Bytes(), want.Bytes()) {
				t.Fatalf("seed %d, limit %d: other bytes than sorting in memory", seed, limit)
			}
		}
	}
}

// BenchmarkSpool_MillionLines is what the lines of a large range cost: 1 KB each.
func BenchmarkSpool_MillionLines(b *testing.B) {
	b.ReportAllocs()
	pad := bytes.Repeat([]byte("x"), 1000)
	for range b.N {
		s := NewSpool(0)
		for i := range 1_000_000 {
			if err := s.Add(Line{Model: fmt.Sprint("m", i%50), Version: "*", WindowMS: 1, EndMS: int64(i), Kind: KindScore, Value: pad}); err != nil {
				b.Fatal(err)
			}
		}
		n := counter(0)
		if err := s.Write(&n); err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(cap(s.lines)*40+cap(s.memory))/1e6, "MB-held")
		b.SetBytes(int64(n))
	}
}

type counter int64

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }
