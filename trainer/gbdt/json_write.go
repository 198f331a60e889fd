package gbdt

import (
	"fmt"
	"io"
	"strconv"
)

// SaveJSON writes the model as XGBoost's JSON, one document of about 10 KB per tree
// at depth 6. XGBoost 1.7 and later loads it; give the file a .json name.
//
// The base score is written as a bare number with version 1.7.4: readers from before
// 3.1 take a list without complaint and score as if it were 0.5. Only a model that
// was loaded with different scores per class is written as a list, with version 3.1.0.
//
// Two calls for one model write the same bytes.
func (m *Model) SaveJSON(w io.Writer) error {
	e := &encoder{w: w}
	e.raw(`{"learner":{"attributes":{},"feature_names":`)
	e.texts(m.names)
	e.raw(`,"feature_types":`)
	e.texts(m.types)
	e.raw(`,"gradient_booster":{"model":{"cats":{"enc":[],"feature_segments":[],"sorted_idx":[]},"gbtree_model_param":{"num_parallel_tree":`)
	e.quoted(m.parallel)
	e.raw(`,"num_trees":`)
	e.quoted(len(m.trees))
	e.raw(`,"size_leaf_vector":"0"},"iteration_indptr":[`)
	for i, n := range m.indptr {
		e.comma(i)
		e.buf = strconv.AppendInt(e.buf, int64(n), 10)
	}
	e.raw(`],"tree_info":`)
	e.ints(m.class)
	e.raw(`,"trees":[`)
	for i := range m.trees {
		e.comma(i)
		e.tree(&m.trees[i], i, m.flat.features)
	}
	e.raw(`]},"name":"gbtree"},"learner_model_param":{"base_score":"`)
	version := "[1,7,4]"
	if uniform(m.score) {
		e.float(m.score[0])
	} else {
		version = "[3,1,0]"
		e.floats(m.score)
	}
	e.raw(`","boost_from_average":"1","num_class":`)
	classes := 0
	if m.objective == Softprob {
		classes = m.groups
	}
	e.quoted(classes)
	e.raw(`,"num_feature":`)
	e.quoted(m.flat.features)
	e.raw(`,"num_target":"1"},"objective":{"name":"` + m.objective + `",`)
	if m.objective == Softprob {
		e.raw(`"softmax_multiclass_param":{"num_class":`)
		e.quoted(classes)
		e.raw(`}`)
	} else {
		e.raw(`"reg_loss_param":{"scale_pos_weight":"1"}`)
	}
	e.raw(`}},"version":` + version + `}`)
	e.flush()
	if e.err != nil {
		return fmt.Errorf("save model of %d trees: %w", len(m.trees), e.err)
	}
	return nil
}

func uniform(v []float32) bool {
	for _, x := range v {
		if x != v[0] {
			return false
		}
	}
	return true
}

// flushAt is the buffered size from which the encoder writes on.
const flushAt = 64 << 10

// encoder builds JSON whose numbers have the types XGBoost insists on: every float
// with an exponent (0E+00, never 0), no integer with one.
type encoder struct {
	w   io.Writer
	buf []byte
	err error
}

func (e *encoder) flush() {
	if e.err == nil && len(e.buf) > 0 {
		_, e.err = e.w.Write(e.buf)
	}
	e.buf = e.buf[:0]
}

func (e *encoder) raw(s string) { e.buf = append(e.buf, s...) }

func (e *encoder) comma(i int) {
	if i > 0 {
		e.buf = append(e.buf, ',')
	}
}

func (e *encoder) quoted(n int) {
	e.buf = append(e.buf, '"')
	e.buf = strconv.AppendInt(e.buf, int64(n), 10)
	e.buf = append(e.buf, '"')
}

func (e *encoder) float(v float32) { e.buf = strconv.AppendFloat(e.buf, float64(v), 'E', -1, 32) }

func (e *encoder) floats(vs []float32) {
	e.raw("[")
	for i, v := range vs {
		e.comma(i)
		e.float(v)
	}
	e.raw("]")
}

func (e *encoder) ints(vs []int32) {
	e.raw("[")
	for i, v := range vs {
		e.comma(i)
		e.buf = strconv.AppendInt(e.buf, int64(v), 10)
	}
	e.raw("]")
}

// texts writes strings with the escapes XGBoost's reader knows, and no others: it
// does not decode \u, which encoding/json would write for < and &.
func (e *encoder) texts(vs []string) {
	e.raw("[")
	for i, v := range vs {
		e.comma(i)
		e.raw(`"`)
		for j := range len(v) {
			switch c := v[j]; c {
			case '"', '\\':
				e.buf = append(e.buf, '\\', c)
			case '\n':
				e.raw(`\n`)
			case '\r':
				e.raw(`\r`)
			case '\t':
				e.raw(`\t`)
			default:
				e.buf = append(e.buf, c)
			}
		}
		e.raw(`"`)
	}
	e.raw("]")
}

func (e *encoder) tree(t *tree, id, features int) {
	e.raw(`{"base_weights":`)
	e.floats(t.weight)
	e.raw(`,"categories":[],"categories_nodes":[],"categories_segments":[],"categories_sizes":[],"default_left":[`)
	for i, left := range t.defaultLeft {
		e.comma(i)
		if left {
			e.raw("1")
		} else {
			e.raw("0")
		}
	}
	e.raw(`],"id":`)
	e.buf = strconv.AppendInt(e.buf, int64(id), 10)
	e.raw(`,"left_children":`)
	e.ints(t.left)
	e.raw(`,"loss_changes":`)
	e.floats(t.gain)
	e.raw(`,"parents":`)
	e.ints(t.parent)
	e.raw(`,"right_children":`)
	e.ints(t.right)
	e.raw(`,"split_conditions":`)
	e.floats(t.cond)
	e.raw(`,"split_indices":`)
	e.ints(t.feature)
	e.raw(`,"split_type":[`)
	for i := range t.left {
		e.comma(i)
		e.raw("0")
	}
	e.raw(`],"sum_hessian":`)
	e.floats(t.hess)
	e.raw(`,"tree_param":{"num_deleted":"0","num_feature":`)
	e.quoted(features)
	e.raw(`,"num_nodes":`)
	e.quoted(len(t.left))
	e.raw(`,"size_leaf_vector":"0"}}`)
	if len(e.buf) >= flushAt {
		e.flush()
	}
}
