package browser_test

import (
	"bytes"
	"cmp"
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/driftline/driftline/registry/store/storetest"
	"github.com/driftline/driftline/web"
	"github.com/driftline/driftline/web/webtest"
)

const (
	// walkTimeout covers the whole run of node, with a browser's cold start on a busy machine.
	walkTimeout = 5 * time.Minute
	// closeTimeout covers node closing the browser after it was asked to end.
	closeTimeout = 15 * time.Second
	// leastTests is below the number of tests in pages.test.js: a runner that finds
	// no file must not pass.
	leastTests = 10
)

var passed = regexp.MustCompile(`(?m)^# pass (\d+)$`)

func TestPages(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: needs node and Chromium")
	}
	node := program(t, "node", "DRIFTLINE_NODE", "node", "nodejs")
	chromium := program(t, "Chromium", "DRIFTLINE_CHROMIUM", "/usr/bin/chromium", "chromium", "chromium-browser")
	for _, name := range []string{"playwright-core", "axe-core"} {
		if _, err := os.Stat(filepath.Join("node_modules", name, "package.json")); err != nil {
			missing(t, "web/browser/node_modules/"+name+": run .ci/prepare browser")
		}
	}

	st := storetest.Open(t)
	world := webtest.Seed(t, st)
	part := world.Segments(t)
	answers := world.Predictions(t)
	day := int64(24 * time.Hour / time.Millisecond)
	handler, err := web.New(web.Config{
		Store: st, Version: "1.2.3", Commit: "abc", Namespace: "test",
		Windows: []int64{day, 7 * day}, NowMS: func() int64 { return webtest.NowMS },
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()

	ctx, cancel := context.WithTimeout(t.Context(), walkTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "--test", "--test-reporter=tap", "pages.test.js")
	// Node closes the browser when it is asked to end; killed, it would leave it behind.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = closeTimeout
	cmd.Env = append(os.Environ(),
		"DRIFTLINE_URL="+server.URL,
		"DRIFTLINE_CHROMIUM="+chromium,
		"DRIFTLINE_SHOTS="+t.ArtifactDir(),
		"DRIFTLINE_ALARM="+world.Alarm,
		"DRIFTLINE_RETRAIN="+world.Retrain,
		"DRIFTLINE_RUN="+world.RunID,
		"DRIFTLINE_HOSTILE="+webtest.Hostile,
		"DRIFTLINE_PART_ALARM="+part,
		"DRIFTLINE_ANSWERS_ALARM="+answers,
		"DRIFTLINE_PART="+webtest.Drifting,
		"DRIFTLINE_ODD_PART="+webtest.Odd,
	)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("node --test: %v (%v)\n%s", err, cmp.Or(ctx.Err(), err), &out)
	}
	n := 0
	if m := passed.FindSubmatch(out.Bytes()); m != nil {
		n, _ = strconv.Atoi(string(m[1]))
	}
	if n < leastTests {
		t.Fatalf("%d tests passed in the browser, want at least %d\n%s", n, leastTests, &out)
	}
	t.Logf("%d tests passed in the browser\n%s", n, &out)
}

// program finds a program: where the variable says, else by the first name that is there.
func program(t *testing.T, what, variable string, names ...string) string {
	t.Helper()
	if named := os.Getenv(variable); named != "" {
		names = []string{named}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, what+": install it, or name its program in "+variable)
	return ""
}

func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("missing in CI: %s", what)
	}
	t.Skipf("missing: %s", what)
}
