package store_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

// childURL in the environment makes this test binary a writer on that database.
const childURL = "DRIFTLINE_STORE_TEST_CHILD"

// TestChildWriter is no test: it is the process that TestKill starts and kills. It
// registers versions and says each one after the commit was acknowledged.
func TestChildWriter(t *testing.T) {
	url := os.Getenv(childURL)
	if url == "" {
		return // not a child: there is nothing to test
	}
	s, err := store.Open(context.Background(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for {
		var v store.ModelVersion
		err := s.Tx(context.Background(), func(x *store.Tx) (err error) {
			if v, err = x.CreateVersion(context.Background(), store.NewVersion{Name: "m", Source: "s3://b/x"}); err != nil {
				return err
			}
			_, _, err = x.Promote(context.Background(), "m", v.Version, "child", "", 1)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("acknowledged", v.Version)
	}
}

// Two processes write to one database; both die by kill -9 at some moment, one after
// the other. Every version that was acknowledged is there, the numbers are dense,
// and champion, history and outbox agree.
func TestKill_NoAcknowledgedVersionIsLost(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := storetest.OpenURL(t, url)
		newModel(t, s, "m", 0)
		type child struct {
			cmd   *exec.Cmd
			lines *bufio.Scanner
		}
		var children []child
		for range 2 {
			cmd := exec.Command(os.Args[0], "-test.run=^TestChildWriter$")
			cmd.Env = append(os.Environ(), childURL+"="+url)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			children = append(children, child{cmd, bufio.NewScanner(out)})
		}
		var acknowledged []string
		read := func(c child, n int) {
			for range n {
				if !c.lines.Scan() {
					return
				}
				if v, ok := strings.CutPrefix(c.lines.Text(), "acknowledged "); ok {
					acknowledged = append(acknowledged, v)
				}
			}
		}
		for i, c := range children {
			read(c, 8+5*i)
			if err := c.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			read(c, 1<<20) // what it had said before it died
			if err := c.cmd.Wait(); err == nil {
				t.Error("the child ended by itself")
			}
		}
		if len(acknowledged) < 20 {
			t.Fatalf("only %d versions were acknowledged: %v", len(acknowledged), acknowledged)
		}
		ctx := context.Background()
		var have []string
		err := s.Read(ctx, func(x *store.Tx) error {
			vs, _, err := x.SearchVersions(ctx, store.Search{Filter: "name = 'm'", OrderBy: []string{"version_number"}})
			for _, v := range vs {
				have = append(have, v.Version)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range have {
			if v != fmt.Sprint(i+1) {
				t.Fatalf("versions are not dense: %v", have)
			}
		}
		for _, v := range acknowledged {
			if !slices.Contains(have, v) {
				t.Errorf("version %s was acknowledged and is lost", v)
			}
		}
		last := have[len(have)-1]
		if got := champ(t, s, "m"); got != last+" by promote" {
			t.Errorf("champion = %s, want %s", got, last)
		}
		history, err := s.ChampionHistory(ctx, "m")
		if err != nil || len(history) != len(have) || len(store.OutboxRows(t, s)) != len(have) {
			t.Errorf("%d versions, %d changes of champion, %d outbox rows, %v; want as many of each", len(have), len(history), len(store.OutboxRows(t, s)), err)
		}
		t.Logf("%d acknowledged, %d there", len(acknowledged), len(have))
	})
}
