package store

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseFilter_ReadsTheGrammar(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   string
		want clause
	}{
		{"metrics.a.b < 1e-3", clause{entity: "metrics", key: "a.b", op: "<", value: value{kind: 'n', number: 1e-3, text: "1e-3"}}},
		{"`metrics`.`a b`=-2", clause{entity: "metrics", key: "a b", op: "=", value: value{kind: 'n', number: -2, text: "-2"}}},
		{`"params.x y" = "v"`, clause{entity: "params", key: "x y", op: "=", value: value{kind: 't', text: "v"}}},
		{"name='it''s'", clause{key: "name", op: "=", value: value{kind: 't', text: "it's"}}},
		{"run_id not in ('a', 'b',)", clause{key: "run_id", op: "NOT IN", value: value{kind: 'l', list: []string{"a", "b"}}}},
		{"tags.k ilike \"%x\"", clause{entity: "tags", key: "k", op: "ILIKE", value: value{kind: 't', text: "%x"}}},
	}
	for _, tt := range tests {
		got, err := parseFilter(tt.in)
		if err != nil || len(got) != 1 {
			t.Errorf("parseFilter(%q) = %v, %v", tt.in, got, err)
			continue
		}
		if diff := cmp.Diff(tt.want, got[0], cmp.AllowUnexported(clause{}, value{})); diff != "" {
			t.Errorf("parseFilter(%q) (-want +got):\n%s", tt.in, diff)
		}
	}
}

func TestRebind_LeavesLiteralsAlone(t *testing.T) {
	t.Parallel()
	in := `SELECT '$1', "a$2" FROM t WHERE a = $1 AND b = $12`
	want := `SELECT '$1', "a$2" FROM t WHERE a = ?1 AND b = ?12`
	if got := (sqliteDialect{}).rebind(in); got != want {
		t.Errorf("rebind = %s, want %s", got, want)
	}
}

func TestJoinURI_PutsPathsBeforeTheQuery(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"mlflow-artifacts:/": "mlflow-artifacts:/0/a", "s3://b": "s3://b/0/a", "s3://b/p/": "s3://b/p/0/a", "/data": "/data/0/a", "s3://b/p?x=1": "s3://b/p/0/a?x=1",
	} {
		if got := joinURI(in, "0", "a"); got != want {
			t.Errorf("joinURI(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzParseFilter(f *testing.F) {
	for _, seed := range []string{
		"", "metrics.rmse < 1 AND params.m = 'x'", "tags.`a b` LIKE \"%\"", "run_id IN ('a','b')", "a NOT IN (", "'", "`", "x = 'a'; y", "\x00", "a = 1 AND", "\"a\".\"b\" = 3",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		clauses, err := parseFilter(s)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("parseFilter(%q) = %v, want ErrInvalid", s, err)
			}
			return
		}
		// Whatever parses either compiles, its values bound, or is refused kindly.
		for _, g := range []*grammar{&runGrammar, &experimentGrammar, &modelGrammar, &versionGrammar, loggedGrammar("logged_model_metrics x WHERE x.model_id = l.model_id")} {
			var b builder
			if err := g.where(&b, sqliteDialect{}, clauses); err != nil && !errors.Is(err, ErrInvalid) {
				t.Fatalf("compile %q for a %s = %v", s, g.what, err)
			}
			err := g.orderBy(&b, []string{s}, "1")
			if err != nil && !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrState) {
				t.Fatalf("order by %q for a %s = %v", s, g.what, err)
			}
		}
	})
}
