package multivariate

import "testing"

// BenchmarkPush is a step of the monitor with four windows of 20 features at D = 256.
func BenchmarkPush(b *testing.B) {
	w := newWorld(b, 20, 500, 256, 1, normals)
	law, err := Calibrate(Calibration{Panes: w.panes, Scales: []int{4, 8, 16, 25}, Targets: []float64{50}, Runs: 100, References: 5})
	if err != nil {
		b.Fatal(err)
	}
	ref, err := NewReference(w.all)
	if err != nil {
		b.Fatal(err)
	}
	m := NewMonitor(ref, law)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		m.Push(w.panes[i%len(w.panes)])
	}
}

// BenchmarkAttribute names features from a stored sample of 1,000 rows.
func BenchmarkAttribute(b *testing.B) {
	w := newWorld(b, 20, 1000, 256, 1, normals)
	cur := w.sums(w.draw(500, normals)...)
	ref, err := NewReference(w.all)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for range b.N {
		if _, err := ref.Attribute(cur); err != nil {
			b.Fatal(err)
		}
	}
}
