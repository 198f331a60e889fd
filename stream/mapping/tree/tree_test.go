package tree_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping/tree"
)

// value turns a node into what encoding/json makes of the same text.
func value(t *tree.Tree, at tree.Ref) any {
	n := t.At(at)
	switch n.Kind {
	case tree.Bool:
		return n.Num != 0
	case tree.Number:
		return n.Num
	case tree.Text:
		return n.Text
	case tree.List:
		out := []any{}
		for c := range t.Children(at) {
			out = append(out, value(t, c))
		}
		return out
	case tree.Object:
		out := map[string]any{}
		for c, m := range t.Children(at) {
			out[m.Name] = value(t, c)
		}
		return out
	}
	return nil
}

// FuzzJSON holds the tree against encoding/json: what one reads, the other reads as the
// same values; what one refuses, the other refuses or it is a bound of ours.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`{}`, `[]`, `null`, `"x"`, `-0.5e+3`, `{"a":[1,{"b":null}],"c":"\u00e4\ud83d\ude00"}`, ` [ 1 , [ ] , { } ] `, `{"a":1,"a":2}`,
		`[1,]`, `{"a"}`, `01`, `"\x"`, strings.Repeat("[", 65) + strings.Repeat("]", 65), `1e999`, "\"\x01\"", `{"":{"":""}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var into tree.Tree
		bad := into.JSON(b)
		var want any
		err := json.Unmarshal(b, &want)
		if bad != nil {
			if bad.At < 0 || bad.At > len(b) {
				t.Fatalf("JSON(%q) = %+v", b, bad)
			}
			switch bad.Code {
			case event.CodeNotJSON, event.CodeEmpty:
				if err == nil {
					t.Fatalf("JSON(%q) = %v, but it is JSON", b, bad)
				}
			}
			return
		}
		if err != nil {
			t.Fatalf("JSON(%q) is read, encoding/json says %v", b, err)
		}
		if got := value(&into, into.Root()); !reflect.DeepEqual(got, want) {
			t.Fatalf("JSON(%q) = %#v, want %#v", b, got, want)
		}
	})
}

func TestFind(t *testing.T) {
	t.Parallel()
	var into tree.Tree
	if bad := into.JSON([]byte(`{"a":{"b":[10,{"c":11}],"x.y":{"z":12}},"a.b":13,"a.q":{"r":14}}`)); bad != nil {
		t.Fatal(bad)
	}
	for path, want := range map[string]float64{"a.b": 13, "a.x.y.z": 12, "a.q.r": 14, "a.b.0": 10, "a.b.9": -1, "nothing": -1, "a.x": -1, "a.b.c": -1} {
		at := into.Find(into.Root(), path)
		if want < 0 != (at == tree.None) || want >= 0 && into.At(at).Num != want {
			t.Errorf("Find(%q) = %v, want %v", path, at, want)
		}
	}
	if at := into.Find(into.Member(into.Root(), "a"), "b.1.c"); at == tree.None || into.At(at).Num != 11 {
		t.Errorf("a place in a list is not found")
	}
}

func TestJSON_Bounds(t *testing.T) {
	t.Parallel()
	var into tree.Tree
	many := []byte("[" + strings.Repeat("0,", tree.MaxNodes) + "0]")
	if bad := into.JSON(many); bad == nil || bad.Code != event.CodeTooLarge {
		t.Errorf("%d values: %v, want too_large", tree.MaxNodes, bad)
	}
	into.Reset()
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, `,"k%d":%d`, i, i)
	}
	if bad := into.JSON([]byte("{" + b.String()[1:] + "}")); bad != nil {
		t.Errorf("a thousand members: %v", bad)
	}
	if at := into.Member(into.Root(), "k"+strconv.Itoa(999)); at == tree.None || into.At(at).Num != 999 {
		t.Error("the tree does not work after a reset")
	}
	into.Reset()
	if bad := into.JSON([]byte("{" + b.String()[1:] + `,"k7":0}`)); bad == nil || bad.Code != event.CodeDuplicateKey {
		t.Errorf("a key twice among a thousand: %v", bad)
	}
}
