package gbdt

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
)

// sampleStream is the second word of the seed of sampling, so that a caller's own
// PCG with the same seed draws something else.
const sampleStream = 0x9e3779b97f4a7c15

// Train fits a model to m and its labels y (one per row; w are row weights, nil for
// all 1). eval may be nil; it is needed for early stopping, which keeps the rounds up
// to the best one only.
//
// progress, if not nil, is called after each round, counting from 1, with the metric
// of Params.EvalMetric on eval, or on the training rows where eval is nil. NaN means
// the metric is undefined there, as AUC is with one class.
//
// The model depends on m, y, w, the parameters but for NumJobs, and with early
// stopping on eval; on one processor architecture it is the same to the last bit at
// any number of threads.
//
// Errors: ctx's when cancelled; every fault of the parameters; shapes that do not
// agree, infinite values, labels outside the objective's set, weights that are
// negative, not finite or all 0.
func Train(ctx context.Context, m Matrix, y, w []float32, p Params, eval *Eval, progress func(round int, metric float64)) (*Model, error) {
	if err := checkTraining(m, y, w, p, eval); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	jobs := p.NumJobs
	if jobs == 0 {
		jobs = min(runtime.GOMAXPROCS(0), maxJobs)
	}
	threads := newPool(jobs)
	defer threads.close()

	t := &trainer{p: p, m: m, y: y, w: w, eval: eval, pool: threads, groups: p.Groups()}
	t.start()
	if err := t.boost(ctx, progress); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	t.model.flatten()
	return t.model, nil
}

func checkTraining(m Matrix, y, w []float32, p Params, eval *Eval) error {
	if err := p.Validate(); err != nil {
		return err
	}
	if err := m.validate("training table"); err != nil {
		return err
	}
	if err := checkLabels("training table", y, m.Rows, p); err != nil {
		return err
	}
	if err := checkWeights(w, m.Rows); err != nil {
		return err
	}
	if eval == nil {
		if p.EarlyStoppingRounds > 0 {
			return fmt.Errorf("early_stopping_rounds is %d: needs an evaluation table", p.EarlyStoppingRounds)
		}
		return nil
	}
	if err := eval.Matrix.validate("evaluation table"); err != nil {
		return err
	}
	if !slices.Equal(eval.Matrix.Names, m.Names) {
		return fmt.Errorf("evaluation table has features %q, the training table %q: must be the same in the same order", eval.Matrix.Names, m.Names)
	}
	return checkLabels("evaluation table", eval.Y, eval.Matrix.Rows, p)
}

// trainer is the state of one call of Train.
type trainer struct {
	p      Params
	m      Matrix
	y, w   []float32
	eval   *Eval
	pool   *pool
	groups int

	model       *Model
	data        *binned
	grower      *grower
	margins     []float32 // rows × groups
	evalMargins []float32
	grads       [][]gradPair // per class, one per row
	sampled     []bool       // nil: every row
	cols        []int32
	derive      func(worker, item int)
	order       []int32 // breadth-first order of the tree just grown
}

func (t *trainer) start() {
	score := startScore(t.y, t.w, t.p)
	t.model = newModel(t.p.Objective, t.groups, t.m.Names, score)
	bins := min(t.p.MaxBin, maxBins)
	t.data = newBinned(t.m, bins, t.pool)
	t.grower = newGrower(t.data, t.p, t.pool)
	t.margins = startMargins(t.m.Rows, t.model.base)
	if t.eval != nil {
		t.evalMargins = startMargins(t.eval.Matrix.Rows, t.model.base)
	}
	t.grads = make([][]gradPair, t.groups)
	for k := range t.grads {
		t.grads[k] = make([]gradPair, t.m.Rows)
	}
	if t.p.Subsample < 1 {
		t.sampled = make([]bool, t.m.Rows)
	}
	t.cols = make([]int32, len(t.m.Names))
	t.derive = func(_, block int) {
		gradients(t.p, t.margins, t.y, t.w, t.grads, block*blockRows, min((block+1)*blockRows, t.m.Rows))
	}
}

func startMargins(rows int, base []float32) []float32 {
	out := make([]float32, 0, rows*len(base))
	for range rows {
		out = append(out, base...)
	}
	return out
}

func (t *trainer) boost(ctx context.Context, progress func(int, float64)) error {
	metric, bestRound, bestValue := t.p.metricName(), 0, math.NaN()
	for round := 1; round <= t.p.NumRounds; round++ {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
		t.pool.run((t.m.Rows+blockRows-1)/blockRows, t.derive)
		draw := rand.New(rand.NewPCG(t.p.Seed, sampleStream+uint64(round)))
		if err := t.sampleRows(draw); err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
		for class := range t.groups {
			if err := t.oneTree(ctx, class, draw); err != nil {
				return fmt.Errorf("round %d: %w", round, err)
			}
		}
		t.model.indptr = append(t.model.indptr, len(t.model.trees))
		if progress == nil && t.p.EarlyStoppingRounds == 0 {
			continue
		}
		value := t.measure(metric)
		if progress != nil {
			progress(round, value)
		}
		if t.p.EarlyStoppingRounds == 0 {
			continue
		}
		if better(metric, value, bestValue) {
			bestRound, bestValue = round, value
		} else if round-bestRound >= t.p.EarlyStoppingRounds {
			break
		}
	}
	if t.p.EarlyStoppingRounds > 0 {
		if bestRound == 0 {
			return fmt.Errorf("early stopping: %s is undefined on the evaluation table in every round: does it hold more than one class?", metric)
		}
		t.model.cut(bestRound)
	}
	return nil
}

func (t *trainer) measure(metric string) float64 {
	if t.eval != nil {
		return evaluate(metric, t.p.Objective, t.evalMargins, t.eval.Y, t.groups)
	}
	return evaluate(metric, t.p.Objective, t.margins, t.y, t.groups)
}

// sampleRows draws the round's rows: each by itself with chance Subsample, the same
// for every class.
func (t *trainer) sampleRows(draw *rand.Rand) error {
	if t.sampled == nil {
		return nil
	}
	n := 0
	for i := range t.sampled {
		t.sampled[i] = draw.Float64() < t.p.Subsample
		if t.sampled[i] {
			n++
		}
	}
	if n == 0 {
		return fmt.Errorf("subsample %v of %d rows drew none: raise it", t.p.Subsample, t.m.Rows)
	}
	return nil
}

// sampleCols draws the tree's features without replacement, ascending, at least one.
func (t *trainer) sampleCols(draw *rand.Rand) []int32 {
	nf := len(t.cols)
	for f := range t.cols {
		t.cols[f] = int32(f)
	}
	if t.p.ColsampleByTree == 1 {
		return t.cols
	}
	n := max(1, int(math.Round(float64(nf)*t.p.ColsampleByTree)))
	for i := range n {
		j := i + draw.IntN(nf-i)
		t.cols[i], t.cols[j] = t.cols[j], t.cols[i]
	}
	chosen := t.cols[:n]
	slices.Sort(chosen)
	return chosen
}

func (t *trainer) oneTree(ctx context.Context, class int, draw *rand.Rand) error {
	g := t.grower
	g.rows = g.rows[:0]
	for i := range t.m.Rows {
		if t.sampled == nil || t.sampled[i] {
			g.rows = append(g.rows, int32(i))
		}
	}
	if err := g.grow(ctx, t.grads[class], t.sampleCols(draw)); err != nil {
		return err
	}
	tr := t.emit()
	if err := tr.finite(); err != nil {
		return err
	}
	t.model.trees = append(t.model.trees, tr)
	t.model.class = append(t.model.class, int32(class))
	t.addLeaves(&tr, class)
	if t.eval != nil {
		for i := range t.eval.Matrix.Rows {
			t.evalMargins[i*t.groups+class] += tr.cond[tr.leafOf(t.eval.Matrix.Row(i))]
		}
	}
	return nil
}

// emit copies the grown tree in breadth-first order, the order XGBoost writes.
func (t *trainer) emit() tree {
	nodes := t.grower.nodes
	order := append(t.order[:0], 0)
	tr := newTree(len(nodes))
	tr.parent[0] = noParent
	for at := 0; at < len(order); at++ {
		n := &nodes[order[at]]
		weight := float32(t.p.LearningRate * t.grower.reg.weight(n.g, n.h))
		tr.hess[at], tr.weight[at] = float32(n.h), weight
		if n.left == 0 {
			tr.left[at], tr.right[at], tr.cond[at] = leafMark, leafMark, weight
			continue
		}
		f := n.split.feature
		tr.feature[at], tr.defaultLeft[at], tr.gain[at] = int32(f), n.split.defaultLeft, float32(n.split.gain)
		if cuts := t.data.cuts[f]; n.split.bin < len(cuts) {
			tr.cond[at] = cuts[n.split.bin]
		} else {
			tr.cond[at] = t.data.present[f]
		}
		for _, child := range [2]int32{n.left, n.right} {
			tr.parent[len(order)] = int32(at)
			order = append(order, child)
		}
		tr.left[at], tr.right[at] = int32(len(order)-2), int32(len(order)-1)
	}
	t.order = order
	return tr
}

// addLeaves adds the tree just grown to the training margins. Rows that were not
// sampled walk the tree by their codes, which is the same as by their values.
func (t *trainer) addLeaves(tr *tree, class int) {
	g := t.grower
	for at, id := range t.order {
		if n := &g.nodes[id]; n.left == 0 {
			for _, r := range g.rows[n.lo:n.hi] {
				t.margins[int(r)*t.groups+class] += tr.cond[at]
			}
		}
	}
	if t.sampled == nil {
		return
	}
	nf := t.data.features
	for i, in := range t.sampled {
		if in {
			continue
		}
		codes := t.data.codes[i*nf : (i+1)*nf]
		id := int32(0)
		for g.nodes[id].left != 0 {
			n := &g.nodes[id]
			c := codes[n.split.feature]
			toLeft := int(c) <= n.split.bin
			if c == t.data.missingCode(n.split.feature) {
				toLeft = n.split.defaultLeft
			}
			id = n.right
			if toLeft {
				id = n.left
			}
		}
		weight := t.p.LearningRate * g.reg.weight(g.nodes[id].g, g.nodes[id].h)
		t.margins[i*t.groups+class] += float32(weight)
	}
}

// errOverflow tells that sums or weights left float32.
var errOverflow = errors.New("a leaf or sum is not finite in float32: labels or weights are too large; scale them down")
