package gbdt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// bruteStump finds the best single split of rows by trying every threshold between
// distinct values on every feature and both sides for missing, from the definitions.
func bruteStump(m Matrix, grad []gradPair, lambda, alpha, minChild float64) (gain float64, feature int, leftMax float32, missingLeft bool) {
	shrink := func(g float64) float64 {
		if math.Abs(g) <= alpha {
			return 0
		}
		return math.Copysign(math.Abs(g)-alpha, g)
	}
	score := func(g, h float64) float64 { return shrink(g) * shrink(g) / (h + lambda) }
	var sumG, sumH float64
	for _, p := range grad {
		sumG += float64(p.g)
		sumH += float64(p.h)
	}
	for f := range m.Names {
		var values []float32
		anyMissing := false
		for i := range m.Rows {
			if v := m.Row(i)[f]; v == v {
				values = append(values, v)
			} else {
				anyMissing = true
			}
		}
		slices.Sort(values)
		values = slices.Compact(values)
		for at, v := range values {
			for _, toLeft := range []bool{false, true} {
				if at == len(values)-1 && (toLeft || !anyMissing) {
					continue
				}
				var g, h float64
				for i := range m.Rows {
					x := m.Row(i)[f]
					if x <= v || (x != x && toLeft) {
						g += float64(grad[i].g)
						h += float64(grad[i].h)
					}
				}
				if h < minChild || sumH-h < minChild {
					continue
				}
				if this := score(g, h) + score(sumG-g, sumH-h) - score(sumG, sumH); this > gain+1e-9 {
					gain, feature, leftMax, missingLeft = this, f, v, toLeft
				}
			}
		}
	}
	return gain, feature, leftMax, missingLeft
}

func TestStumpEqualsBruteForce(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		objective := []string{Logistic, SquaredError}[seed%2]
		missing := []float64{0, 0.1, 0.5}[seed%3]
		m, signal := table(seed, 60+int(seed), 4, missing)
		y := labels(objective, signal)
		p := params(objective, 1)
		p.MaxDepth, p.Lambda, p.MinChildWeight = 1, 1.5, 2
		p.Alpha = []float64{0, 0.7}[seed/2%2]
		model := fit(t, m, y, p)

		grad := make([]gradPair, m.Rows)
		gradients(p, startMargins(m.Rows, model.base), y, nil, [][]gradPair{grad}, 0, m.Rows)
		gain, feature, leftMax, missingLeft := bruteStump(m, grad, p.Lambda, p.Alpha, p.MinChildWeight)
		tr := &model.trees[0]
		if len(tr.left) != 3 {
			t.Fatalf("seed %d: %d nodes, want a split of gain %g", seed, len(tr.left), gain)
		}
		if int(tr.feature[0]) != feature || math.Abs(float64(tr.gain[0])-gain) > 1e-4*gain {
			t.Errorf("seed %d: split on %d with gain %g, brute force %d with %g", seed, tr.feature[0], tr.gain[0], feature, gain)
		}
		var sums [2]cell
		for i := range m.Rows {
			x := m.Row(i)[feature]
			side := 1
			if x <= leftMax || (x != x && missingLeft) {
				side = 0
			}
			if leaf := int(tr.leafOf(m.Row(i))); leaf != side+1 {
				t.Fatalf("seed %d: row %d with %v falls into node %d, want %d", seed, i, x, leaf, side+1)
			}
			sums[side].g += float64(grad[i].g)
			sums[side].h += float64(grad[i].h)
		}
		for side, s := range sums {
			g := s.g - min(max(s.g, -p.Alpha), p.Alpha)
			want := -p.LearningRate * g / (s.h + p.Lambda)
			if got := float64(tr.cond[side+1]); math.Abs(got-want) > 1e-5*(1+math.Abs(want)) {
				t.Errorf("seed %d: leaf %d = %g, want %g", seed, side, got, want)
			}
		}
	}
}

func TestModelIsBitEqualAtAnyNumberOfThreads(t *testing.T) {
	t.Parallel()
	// Three blocks of rows, so that sums do cross blocks.
	m, signal := table(7, 2*blockRows+777, 5, 0.05)
	for _, objective := range []string{Logistic, Softprob} {
		p := params(objective, 3)
		p.Subsample, p.ColsampleByTree = 0.9, 0.8
		var want []byte
		for _, jobs := range []int{1, 2, 3, 7} {
			p.NumJobs = jobs
			got := saved(t, fit(t, m, labels(objective, signal), p))
			if want == nil {
				want = got
			} else if !bytes.Equal(got, want) {
				t.Errorf("%s: the model of %d threads differs from that of 1", objective, jobs)
			}
		}
		p.Seed++
		if bytes.Equal(saved(t, fit(t, m, labels(objective, signal), p)), want) {
			t.Errorf("%s: another seed drew the same rows and columns", objective)
		}
	}
}

func TestBinsAndValuesNeverDisagree(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 9))
		m := Matrix{Rows: 400, Names: []string{"a"}, X: make([]float32, 400)}
		for i := range m.X {
			switch r.IntN(6) {
			case 0:
				m.X[i] = float32(math.NaN())
			case 1: // neighbours in float32, both signs of zero, denormals, extremes
				m.X[i] = []float32{0, float32(math.Copysign(0, -1)), math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32,
					math.Nextafter32(1, 2), 1, math.MaxFloat32, -math.MaxFloat32}[r.IntN(8)]
			case 2:
				m.X[i] = float32(r.IntN(5))
			default:
				m.X[i] = float32(r.NormFloat64() * math.Pow(10, float64(r.IntN(20)-10)))
			}
		}
		pool := newPool(1)
		b := newBinned(m, 2+r.IntN(254), pool)
		pool.close()
		cuts := b.cuts[0]
		if !slices.IsSorted(cuts) || len(slices.Compact(slices.Clone(cuts))) != len(cuts) {
			t.Fatalf("seed %d: cuts do not rise: %v", seed, cuts)
		}
		for i, x := range m.X {
			if x != x {
				if b.codes[i] != b.missingCode(0) {
					t.Fatalf("seed %d: missing has code %d, want %d", seed, b.codes[i], b.missingCode(0))
				}
				continue
			}
			for j, cut := range cuts {
				if (x < cut) != (int(b.codes[i]) <= j) {
					t.Fatalf("seed %d: value %v has code %d, cut %d is %v", seed, x, b.codes[i], j, cut)
				}
			}
		}
	}
}

func TestTrainingMarginsAreThoseOfTheModel(t *testing.T) {
	t.Parallel()
	for _, objective := range []string{Logistic, SquaredError, Softprob} {
		m, signal := table(11, 900, 6, 0.1)
		y := labels(objective, signal)
		p := params(objective, 15)
		p.Subsample, p.ColsampleByTree, p.MaxBin = 0.6, 0.5, 32
		tr := &trainer{p: p, m: m, y: y, pool: newPool(1), groups: p.Groups()}
		tr.start()
		if err := tr.boost(context.Background(), nil); err != nil {
			t.Fatal(err)
		}
		tr.pool.close()
		tr.model.flatten()
		want := make([]float64, tr.groups)
		got := predict(t, tr.model, m)
		for i := range m.Rows {
			link(objective, tr.margins[i*tr.groups:(i+1)*tr.groups], want)
			for k := range want {
				if got[i*tr.groups+k] != want[k] {
					t.Fatalf("%s: row %d class %d = %v, training ended with %v", objective, i, k, got[i*tr.groups+k], want[k])
				}
			}
		}
	}
}

func TestLearnsWhatIsThere(t *testing.T) {
	t.Parallel()
	train, signal := table(1, 4000, 5, 0.02)
	test, testSignal := table(2, 2000, 5, 0.02)
	for _, c := range []struct {
		objective, metric string
		most              float64 // a constant scores 0.69, 1.09 and about 4
	}{{Logistic, "logloss", 0.40}, {Softprob, "mlogloss", 0.62}, {SquaredError, "rmse", 2.0}} {
		p := params(c.objective, 100)
		var last float64
		_, err := Train(context.Background(), train, labels(c.objective, signal), nil, p,
			&Eval{test, labels(c.objective, testSignal)}, func(round int, v float64) { last = v })
		if err != nil {
			t.Fatal(err)
		}
		if !(last < c.most) {
			t.Errorf("%s: %s on fresh rows = %.3f, want below %v", c.objective, c.metric, last, c.most)
		}
	}
}

func TestEarlyStoppingKeepsTheBestRound(t *testing.T) {
	t.Parallel()
	train, signal := table(1, 300, 5, 0)
	test, testSignal := table(2, 300, 5, 0)
	for _, metric := range []string{"logloss", "auc"} {
		p := params(Logistic, 400)
		p.LearningRate, p.EvalMetric, p.EarlyStoppingRounds = 0.3, metric, 10
		var values []float64
		eval := &Eval{test, labels(Logistic, testSignal)}
		model, err := Train(context.Background(), train, labels(Logistic, signal), nil, p, eval, func(_ int, v float64) { values = append(values, v) })
		if err != nil {
			t.Fatal(err)
		}
		best := 0
		for i, v := range values {
			if better(metric, v, values[best]) {
				best = i
			}
		}
		if model.Rounds() != best+1 || model.Trees() != best+1 || len(values) != best+11 {
			t.Errorf("%s: %d rounds and %d trees kept of %d tried, the best was %d", metric, model.Rounds(), model.Trees(), len(values), best+1)
		}
		// The same number of rounds without early stopping is the same model.
		p.EarlyStoppingRounds, p.NumRounds = 0, best+1
		if !bytes.Equal(saved(t, fit(t, train, labels(Logistic, signal), p)), saved(t, model)) {
			t.Errorf("%s: a refit with the rounds fixed differs", metric)
		}
	}
}

func TestWeightsCountAsCopies(t *testing.T) {
	t.Parallel()
	m, signal := table(4, 200, 4, 0.1) // few enough for a bin per value
	y := labels(Logistic, signal)
	w := make([]float32, m.Rows)
	twice := Matrix{Names: m.Names}
	var y2 []float32
	for i := range w {
		w[i] = float32(i % 3)
		for range i % 3 {
			twice.X = append(twice.X, m.Row(i)...)
			y2 = append(y2, y[i])
			twice.Rows++
		}
	}
	p := params(Logistic, 10)
	p.MaxDepth = 3
	weighted, err := Train(context.Background(), m, y, w, p, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, want := predict(t, weighted, m), predict(t, fit(t, twice, y2, p), m)
	for i := range got {
		// Cuts may lie elsewhere where a row weighs 0; weighted rows see none of that.
		if w[i] > 0 && math.Abs(got[i]-want[i]) > 1e-4 {
			t.Fatalf("row %d: %v with weights, %v with copies", i, got[i], want[i])
		}
	}
	// scale_pos_weight is the same as a weight on the positives.
	p.ScalePosWeight = 2.5
	for i := range w {
		w[i] = 1 + 1.5*y[i]
	}
	scaled := fit(t, m, y, p)
	p.ScalePosWeight = 1
	weighted, err = Train(context.Background(), m, y, w, p, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(saved(t, scaled), saved(t, weighted)) {
		t.Error("scale_pos_weight 2.5 and weights of 2.5 on positives give different models")
	}
}

func TestDegenerateTables(t *testing.T) {
	t.Parallel()
	nan := float32(math.NaN())
	for _, c := range []struct {
		name string
		m    Matrix
		y    []float32
		want []float64 // predictions after one round with λ = 0 and learning rate 1
	}{
		{"one row", Matrix{1, []string{"a"}, []float32{3}}, []float32{5}, []float64{5}},
		{"all values equal", Matrix{3, []string{"a"}, []float32{2, 2, 2}}, []float32{1, 2, 6}, []float64{3, 3, 3}},
		{"all missing", Matrix{2, []string{"a"}, []float32{nan, nan}}, []float32{1, 3}, []float64{2, 2}},
		{"missing against present", Matrix{4, []string{"a"}, []float32{7, nan, 7, nan}}, []float32{1, 5, 1, 5}, []float64{1, 5, 1, 5}},
		{"two values that are neighbours in float32", Matrix{2, []string{"a"}, []float32{1, math.Nextafter32(1, 2)}}, []float32{0, 8}, []float64{0, 8}},
		{"ties go to the lowest feature", Matrix{2, []string{"a", "b"}, []float32{0, 0, 1, 1}}, []float32{0, 8}, []float64{0, 8}},
	} {
		p := params(SquaredError, 1)
		p.Lambda, p.LearningRate, p.MinChildWeight = 0, 1, 0
		model := fit(t, c.m, c.y, p)
		for i, got := range predict(t, model, c.m) {
			if math.Abs(got-c.want[i]) > 1e-6 {
				t.Errorf("%s: row %d = %v, want %v", c.name, i, got, c.want[i])
			}
		}
		if model.trees[0].feature[0] != 0 {
			t.Errorf("%s: split on feature %d", c.name, model.trees[0].feature[0])
		}
	}
}

func TestGammaAndMinChildWeightHoldSplitsBack(t *testing.T) {
	t.Parallel()
	m, signal := table(8, 1000, 4, 0)
	y := labels(Logistic, signal)
	p := params(Logistic, 5)
	p.Gamma, p.MinChildWeight = 3, 20
	model := fit(t, m, y, p)
	for _, tr := range model.trees {
		for at := range tr.left {
			if tr.left[at] != leafMark && tr.gain[at] < 3 {
				t.Errorf("a split of gain %v passed gamma 3", tr.gain[at])
			}
			if at > 0 && tr.hess[at] < 19.999 {
				t.Errorf("a node of hessian %v passed min_child_weight 20", tr.hess[at])
			}
		}
	}
	p.Gamma = 1e9
	if n := fit(t, m, y, p).Nodes(); n != 5 {
		t.Errorf("gamma 1e9 leaves %d nodes in 5 trees", n)
	}
}

func TestCancelledTrainingEnds(t *testing.T) {
	t.Parallel()
	m, signal := table(1, 500, 4, 0)
	ctx, cancel := context.WithCancel(context.Background())
	rounds := 0
	_, err := Train(ctx, m, labels(Logistic, signal), nil, params(Logistic, 1000), nil, func(int, float64) {
		if rounds++; rounds == 3 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || rounds != 3 {
		t.Errorf("err = %v after %d rounds, want cancelled after 3", err, rounds)
	}
}

func TestTreeLoopAllocatesOnlyTheTree(t *testing.T) {
	m, signal := table(1, 1000, 4, 0.1)
	y := labels(Logistic, signal)
	p := params(Logistic, 10)
	p.NumJobs = 1
	allocs := func(rounds int) float64 {
		p.NumRounds = rounds
		return testing.AllocsPerRun(3, func() { fit(t, m, y, p) })
	}
	few, many := allocs(10), allocs(110)
	if perTree := (many - few) / 100; perTree > 8 {
		t.Errorf("%.1f allocations per tree, want those of the tree itself (≤ 8)", perTree)
	}
}

func TestBadTrainingInputIsNamed(t *testing.T) {
	t.Parallel()
	inf := float32(math.Inf(1))
	good := Matrix{2, []string{"a", "b"}, []float32{1, 2, 3, 4}}
	for _, c := range []struct {
		name string
		m    Matrix
		y, w []float32
		edit func(*Params)
		eval *Eval
		want string
	}{
		{"no rows", Matrix{0, []string{"a"}, nil}, nil, nil, nil, nil, "has 0 rows"},
		{"no features", Matrix{1, nil, nil}, []float32{1}, nil, nil, nil, "no features"},
		{"short table", Matrix{2, []string{"a"}, []float32{1}}, []float32{0, 1}, nil, nil, nil, "2 rows × 1 features need 2"},
		{"infinite value", Matrix{2, []string{"a"}, []float32{1, inf}}, []float32{0, 1}, nil, nil, nil, `row 1, feature "a" is infinite`},
		{"name twice", Matrix{1, []string{"a", "a"}, []float32{1, 2}}, []float32{1}, nil, nil, nil, `both named "a"`},
		{"name with a control character", Matrix{1, []string{"a\x01"}, []float32{1}}, []float32{1}, nil, nil, nil, "control character"},
		{"label 2", good, []float32{0, 2}, nil, nil, nil, "label of row 1 is 2"},
		{"label missing", good, []float32{float32(math.NaN()), 1}, nil, nil, nil, "label of row 0 is NaN"},
		{"class beyond the last", good, []float32{0, 3}, nil, func(p *Params) { p.Objective, p.NumClass = Softprob, 3 }, nil, "knows 0 to 2"},
		{"labels short", good, []float32{0}, nil, nil, nil, "1 labels for 2 rows"},
		{"negative weight", good, []float32{0, 1}, []float32{1, -1}, nil, nil, "weight of row 1 is -1"},
		{"weights all 0", good, []float32{0, 1}, []float32{0, 0}, nil, nil, "all weights are 0"},
		{"early stopping without a table", good, []float32{0, 1}, nil, func(p *Params) { p.EarlyStoppingRounds = 5 }, nil, "needs an evaluation table"},
		{"evaluation columns swapped", good, []float32{0, 1}, nil, nil, &Eval{Matrix{1, []string{"b", "a"}, []float32{1, 2}}, []float32{1}}, "same in the same order"},
		{"evaluation with one class", good, []float32{0, 1}, nil, func(p *Params) { p.EarlyStoppingRounds, p.EvalMetric = 5, "auc" },
			&Eval{Matrix{1, []string{"a", "b"}, []float32{1, 2}}, []float32{1}}, "auc is undefined"},
		{"labels that overflow", good, []float32{-3e38, 3e38}, nil, func(p *Params) { p.Objective, p.Lambda, p.MinChildWeight = SquaredError, 0, 0 }, nil, "not finite in float32"},
	} {
		p := params(Logistic, 5)
		if c.edit != nil {
			c.edit(&p)
		}
		_, err := Train(context.Background(), c.m, c.y, c.w, p, c.eval, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %q, want one with %q", c.name, fmt.Sprint(err), c.want)
		}
	}
}
