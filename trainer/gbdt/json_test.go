package gbdt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func load(b []byte) (*Model, error) { return LoadJSON(bytes.NewReader(b), Limits{}) }

func TestSavedModelComesBackBitEqual(t *testing.T) {
	t.Parallel()
	for _, objective := range []string{Logistic, SquaredError, Softprob} {
		m, signal := table(13, 800, 6, 0.1)
		model := fit(t, m, labels(objective, signal), params(objective, 12))
		raw := saved(t, model)
		back, err := load(raw)
		if err != nil {
			t.Fatalf("%s: %v", objective, err)
		}
		if !bytes.Equal(saved(t, back), raw) {
			t.Errorf("%s: saved again, the file differs", objective)
		}
		fresh, _ := table(14, 500, 6, 0.3)
		got, want := predict(t, back, fresh), predict(t, model, fresh)
		one := make([]float64, model.Groups())
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("%s: prediction %d = %v after loading, %v before", objective, i, got[i], want[i])
			}
			if i%len(one) == 0 {
				if err := back.Predict(fresh.Row(i/len(one)), one); err != nil {
					t.Fatal(err)
				}
			}
			if one[i%len(one)] != want[i] {
				t.Fatalf("%s: row by row %v, as a table %v", objective, one[i%len(one)], want[i])
			}
		}
		if back.Rounds() != 12 || back.Objective() != objective || back.Features() != 6 || fmt.Sprint(back.Names()) != fmt.Sprint(m.Names) {
			t.Errorf("%s: %d rounds, %s, %d features %q", objective, back.Rounds(), back.Objective(), back.Features(), back.Names())
		}
	}
}

// XGBoost refuses an integer in a float array and a float in an integer array.
func TestNumbersHaveTheTypesXGBoostInsistsOn(t *testing.T) {
	t.Parallel()
	m, signal := table(13, 300, 4, 0)
	raw := saved(t, fit(t, m, labels(Logistic, signal), params(Logistic, 3)))
	if !json.Valid(raw) {
		t.Fatal("not valid JSON")
	}
	float := regexp.MustCompile(`^-?\d(\.\d+)?E[+-]\d+$`)
	whole := regexp.MustCompile(`^-?\d+$`)
	for key, form := range map[string]*regexp.Regexp{
		"base_weights": float, "split_conditions": float, "loss_changes": float, "sum_hessian": float,
		"left_children": whole, "right_children": whole, "parents": whole, "split_indices": whole, "split_type": whole,
		"default_left": whole, "tree_info": whole, "iteration_indptr": whole, "version": whole,
	} {
		found := regexp.MustCompile(`"`+key+`":\[([^\]]*)\]`).FindAllSubmatch(raw, -1)
		if len(found) == 0 {
			t.Errorf("%s is missing", key)
		}
		for _, f := range found {
			for _, item := range strings.Split(string(f[1]), ",") {
				if !form.MatchString(item) {
					t.Errorf("%s holds %q", key, item)
				}
			}
		}
	}
	if !bytes.Contains(raw, []byte(`"base_score":"`)) || bytes.Contains(raw, []byte(`"base_score":"[`)) {
		t.Error("base_score must be a bare number in a string")
	}
}

// tiny is a model of one split, by hand.
const tiny = `{"learner":{"attributes":{},"feature_names":["a","b"],"feature_types":["float","float"],
"gradient_booster":{"model":{"gbtree_model_param":{"num_parallel_tree":"1","num_trees":"1"},"iteration_indptr":[0,1],"tree_info":[0],
"trees":[{"base_weights":[0E0,-1E0,2E0],"categories":[],"categories_nodes":[],"categories_segments":[],"categories_sizes":[],
"default_left":[1,0,0],"id":0,"left_children":[1,-1,-1],"loss_changes":[3E0,0E0,0E0],"parents":[2147483647,0,0],"right_children":[2,-1,-1],
"split_conditions":[5E-1,-1E0,2E0],"split_indices":[1,0,0],"split_type":[0,0,0],"sum_hessian":[4E0,2E0,2E0],
"tree_param":{"num_deleted":"0","num_feature":"2","num_nodes":"3","size_leaf_vector":"0"}}]},"name":"gbtree"},
"learner_model_param":{"base_score":"2.5E-1","boost_from_average":"1","num_class":"0","num_feature":"2","num_target":"1"},
"objective":{"name":"binary:logistic","reg_loss_param":{"scale_pos_weight":"1"}}},"version":[1,7,4]}`

func TestScoresByHand(t *testing.T) {
	t.Parallel()
	base := math.Log(0.25 / 0.75)
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, edit := range []struct{ name, from, to string }{
		{"as it stands", "", ""},
		{"base score as a list", `"2.5E-1"`, `"[2.5E-1]"`},
		{"booleans for default_left", `"default_left":[1,0,0]`, `"default_left":[true,false,false]`},
		{"without rounds", `"iteration_indptr":[0,1],`, ``},
		{"without names", `"feature_names":["a","b"],"feature_types":["float","float"],`, ``},
		{"NaN in a part nobody reads", `"attributes":{}`, `"attributes":{"NaN":NaN}`},
	} {
		model, err := load([]byte(strings.Replace(tiny, edit.from, edit.to, 1)))
		if err != nil {
			t.Errorf("%s: %v", edit.name, err)
			continue
		}
		for _, c := range []struct {
			b    float32
			leaf float64
		}{{0.25, -1}, {0.5, 2}, {math.Nextafter32(0.5, 0), -1}, {nan, -1}, {inf, 2}, {-inf, -1}} {
			out := make([]float64, 1)
			if err := model.Predict([]float32{9, c.b}, out); err != nil {
				t.Fatal(err)
			}
			if want := 1 / (1 + math.Exp(-base-c.leaf)); math.Abs(out[0]-want) > 1e-7 {
				t.Errorf("%s: b = %v scores %v, want %v", edit.name, c.b, out[0], want)
			}
		}
	}
}

func TestBadModelsAreRefusedByName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, from, to, want string }{
		{"another booster", `"name":"gbtree"`, `"name":"dart"`, `"dart": only gbtree`},
		{"another objective", `"binary:logistic"`, `"survival:cox"`, `"survival:cox": only`},
		{"categorical split", `"split_type":[0,0,0]`, `"split_type":[1,0,0]`, "categorical split on feature 1"},
		{"vector leaves", `"size_leaf_vector":"0"`, `"size_leaf_vector":"3"`, "vector leaves"},
		{"several targets", `"num_target":"1"`, `"num_target":"2"`, "several targets"},
		{"num_trees too large", `"num_trees":"1"`, `"num_trees":"2"`, "num_trees is 2"},
		{"num_trees missing", `,"num_trees":"1"`, ``, "num_trees is -1"},
		{"child beyond the end", `"left_children":[1,-1,-1]`, `"left_children":[7,-1,-1]`, "child 7"},
		{"one child only", `"left_children":[1,-1,-1]`, `"left_children":[-1,-1,-1]`, "child -1"},
		{"a cycle", `"left_children":[1,-1,-1]`, `"left_children":[0,-1,-1]`, "reached twice"},
		{"both children the same", `"right_children":[2,-1,-1]`, `"right_children":[1,-1,-1]`, "reached twice"},
		{"parents disagree", `"parents":[2147483647,0,0]`, `"parents":[2147483647,0,1]`, "parents entry says 1"},
		{"the root has a parent", `"parents":[2147483647,0,0]`, `"parents":[1,0,0]`, "must be the root"},
		{"an array too short", `"sum_hessian":[4E0,2E0,2E0]`, `"sum_hessian":[4E0,2E0]`, "sum_hessian has 2 entries for 3 nodes"},
		{"an array missing", `"default_left":[1,0,0],`, ``, "default_left has 0 entries"},
		{"feature out of range", `"split_indices":[1,0,0]`, `"split_indices":[2,0,0]`, "split_indices is 2"},
		{"negative feature", `"split_indices":[1,0,0]`, `"split_indices":[-1,0,0]`, "split_indices is -1"},
		{"leaf not finite", `"split_conditions":[5E-1,-1E0,2E0]`, `"split_conditions":[5E-1,NaN,2E0]`, "split_conditions is NaN"},
		{"leaf beyond float32", `"split_conditions":[5E-1,-1E0,2E0]`, `"split_conditions":[5E-1,1E60,2E0]`, "1E60 is not a float32"},
		{"index not whole", `"left_children":[1,-1,-1]`, `"left_children":[1.5,-1,-1]`, "1.5 is not a 32-bit integer"},
		{"deleted nodes miscounted", `"num_deleted":"0"`, `"num_deleted":"1"`, "num_deleted is 1"},
		{"num_nodes wrong", `"num_nodes":"3"`, `"num_nodes":"4"`, "num_nodes is 4"},
		{"class of a tree", `"tree_info":[0]`, `"tree_info":[1]`, "tree_info[0] is 1"},
		{"rounds fall", `"iteration_indptr":[0,1]`, `"iteration_indptr":[0,2]`, "iteration_indptr ends at 2"},
		{"position", `"id":0`, `"id":3`, "id is 3"},
		{"base score 1", `"2.5E-1"`, `"1E0"`, "inside (0, 1)"},
		{"base score a word", `"2.5E-1"`, `"half"`, `"half" is not a finite number`},
		{"base score a number, not a string", `"base_score":"2.5E-1"`, `"base_score":0.25`, "base_score"},
		{"base scores for two outputs", `"2.5E-1"`, `"[0.1,0.2]"`, "2 entries"},
		{"too many features", `"num_feature":"2","num_target"`, `"num_feature":"9999999","num_target"`, "num_feature is 9999999"},
		{"names short", `"feature_names":["a","b"]`, `"feature_names":["a"]`, "1 feature_names"},
		{"name twice", `"feature_names":["a","b"]`, `"feature_names":["a","a"]`, "stands there twice"},
		{"unknown type", `["float","float"]`, `["float","text"]`, `"text"`},
		{"classes with a binary objective", `"num_class":"0"`, `"num_class":"3"`, "num_class is 3"},
		{"cut off", `"version":[1,7,4]}`, ``, "unexpected end"},
		{"other document", `"learner":`, `"teacher":`, "learner is missing"},
	} {
		if !strings.Contains(tiny, c.from) {
			t.Fatalf("%s: %q does not stand in the sample", c.name, c.from)
		}
		_, err := load([]byte(strings.Replace(tiny, c.from, c.to, 1)))
		if !errors.Is(err, ErrModel) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want ErrModel with %q", c.name, err, c.want)
		}
	}
	for name, b := range map[string]string{"empty": "  ", "UBJSON": "{L\x00\x00", "binary": "binf\x00\x00"} {
		if _, err := load([]byte(b)); !errors.Is(err, ErrModel) {
			t.Errorf("%s: error %v, want ErrModel", name, err)
		}
	}
	if _, err := LoadJSON(strings.NewReader(tiny), Limits{Bytes: 100}); !errors.Is(err, ErrModel) || !strings.Contains(err.Error(), "longer than 100 bytes") {
		t.Errorf("over the limit: %v", err)
	}
	broken := errors.New("disk gone")
	if _, err := LoadJSON(io.MultiReader(strings.NewReader("{"), errReader{broken}), Limits{}); !errors.Is(err, broken) || errors.Is(err, ErrModel) {
		t.Errorf("a reader's own error came back as %v", err)
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error)  { return 0, r.err }
func (r errReader) Write([]byte) (int, error) { return 0, r.err }

func TestSavingReportsTheWritersError(t *testing.T) {
	t.Parallel()
	model, err := load([]byte(tiny))
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("disk full")
	if err := model.SaveJSON(errReader{broken}); !errors.Is(err, broken) {
		t.Errorf("err = %v, want %v", err, broken)
	}
}

func TestPredictRefusesOtherColumns(t *testing.T) {
	t.Parallel()
	model, err := load([]byte(tiny))
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]Matrix{
		"swapped":     {1, []string{"b", "a"}, []float32{1, 2}},
		"one missing": {1, []string{"a"}, []float32{1}},
		"ragged":      {2, []string{"a", "b"}, []float32{1, 2, 3}},
	} {
		if _, err := model.PredictMatrix(m); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := model.Predict([]float32{1}, make([]float64, 1)); err == nil {
		t.Error("a row too short: no error")
	}
	if out, err := model.PredictMatrix(Matrix{0, []string{"a", "b"}, nil}); err != nil || len(out) != 0 {
		t.Errorf("no rows: %v, %v", out, err)
	}
}

func TestImportanceSumsSplitsAndListsUnusedFeatures(t *testing.T) {
	t.Parallel()
	model, err := load([]byte(tiny))
	if err != nil {
		t.Fatal(err)
	}
	want := []FeatureImportance{{"b", 3, 3, 4, 1}, {"a", 0, 0, 0, 0}}
	if got := model.Importance(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// FuzzLoadJSON: no bytes may panic the reader or the scorer, and whatever is taken
// comes back from our own writer as the same file.
func FuzzLoadJSON(f *testing.F) {
	f.Add([]byte(tiny))
	f.Add([]byte(strings.Replace(tiny, `"2.5E-1"`, `"[2.5E-1]"`, 1)))
	f.Add([]byte(strings.Replace(tiny, `"attributes":{}`, `"attributes":{"x":NaN}`, 1)))
	f.Add([]byte(strings.Replace(tiny, `"left_children":[1,-1,-1]`, `"left_children":[0,-1,-1]`, 1)))
	made, err := filepath.Glob("testdata/xgboost_*.json")
	if err != nil || len(made) == 0 {
		f.Fatalf("no models made by XGBoost in testdata: %v", err)
	}
	for _, name := range made {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	m, signal := table(13, 100, 3, 0.1)
	p := params(Softprob, 2)
	p.MaxDepth = 2
	f.Add(saved(f, fit(f, m, labels(Softprob, signal), p)))
	f.Fuzz(func(t *testing.T, b []byte) {
		model, err := LoadJSON(bytes.NewReader(b), Limits{Features: 1000})
		if err != nil {
			if !errors.Is(err, ErrModel) {
				t.Fatalf("error %v is not ErrModel", err)
			}
			return
		}
		x, out := make([]float32, model.Features()), make([]float64, model.Groups())
		if err := model.Predict(x, out); err != nil {
			t.Fatal(err)
		}
		model.Importance()
		once := saved(t, model)
		back, err := load(once)
		if err != nil {
			t.Fatalf("our own file is refused: %v\n%s", err, once)
		}
		if again := saved(t, back); !bytes.Equal(once, again) {
			t.Fatalf("saved twice:\n%s\n%s", once, again)
		}
	})
}
