package main

import (
	"strings"
	"testing"
)

// stream is what go test -json prints, shortened.
const stream = `{"Action":"start","Package":"a"}
{"Action":"output","Package":"a","Test":"TestGood","Output":"=== RUN   TestGood\n"}
{"Action":"output","Package":"a","Test":"TestGood","Output":"noise of a good test\n"}
{"Action":"pass","Package":"a","Test":"TestGood"}
{"Action":"output","Package":"a","Output":"ok  \ta\t0.1s\n"}
{"Action":"pass","Package":"a"}
{"Action":"output","Package":"s","Test":"TestSkip","Output":"=== RUN   TestSkip\n"}
{"Action":"output","Package":"s","Test":"TestSkip","Output":"    x_test.go:3: no PostgreSQL here\n"}
{"Action":"output","Package":"s","Test":"TestSkip","Output":"--- SKIP: TestSkip (0.00s)\n"}
{"Action":"skip","Package":"s","Test":"TestSkip"}
{"Action":"output","Package":"s","Output":"ok  \ts\t0.1s\n"}
{"Action":"pass","Package":"s"}
`

const failing = `{"Action":"output","Package":"b","Test":"TestBad","Output":"got 1, want 2\n"}
{"Action":"fail","Package":"b","Test":"TestBad"}
{"Action":"output","Package":"b","Test":"TestHangs","Output":"panic: test timed out\n"}
{"Action":"output","Package":"b","Output":"FAIL\tb\t0.1s\n"}
{"Action":"fail","Package":"b"}
`

const broken = `{"Action":"build-output","ImportPath":"c","Output":"c.go:1: syntax error\n"}
{"Action":"build-fail","ImportPath":"c"}
{"Action":"output","Package":"c","Output":"FAIL\tc [build failed]\n"}
{"Action":"fail","Package":"c"}
`

func TestReport(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		stream string
		strict bool
		ok     bool
		want   string
	}{
		{
			"a good run shows packages, skips and sums", stream, false, true,
			"ok  \ta\t0.1s\nok  \ts\t0.1s\nSKIP s TestSkip: x_test.go:3: no PostgreSQL here\n1 passed, 0 failed, 1 skipped\n",
		},
		{
			"in CI a skip is a failure", stream, true, false,
			"ok  \ta\t0.1s\nok  \ts\t0.1s\nSKIP s TestSkip: x_test.go:3: no PostgreSQL here\n" +
				"FAIL: skipped tests are failures in CI; .ci/prepare must bring what they need\n1 passed, 0 failed, 1 skipped\n",
		},
		{
			"a failure and a test that never ended show what they said", failing, false, false,
			"got 1, want 2\npanic: test timed out\nFAIL\tb\t0.1s\n0 passed, 2 failed, 0 skipped\n",
		},
		{
			"what does not build is a failure", broken, true, false,
			"c.go:1: syntax error\nFAIL\tc [build failed]\n0 passed, 1 failed, 0 skipped\n",
		},
		{
			"each package that does not build counts", failing + broken, false, false,
			"got 1, want 2\npanic: test timed out\nFAIL\tb\t0.1s\n" +
				"c.go:1: syntax error\nFAIL\tc [build failed]\n0 passed, 3 failed, 0 skipped\n",
		},
		{
			"a line that is no JSON is shown", "go: warning\n", true, true,
			"go: warning\n0 passed, 0 failed, 0 skipped\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			r := newReport(&out)
			if err := r.read(strings.NewReader(tt.stream)); err != nil {
				t.Fatal(err)
			}
			if ok := r.close(tt.strict); ok != tt.ok {
				t.Errorf("good = %v, want %v", ok, tt.ok)
			}
			if got := out.String(); got != tt.want {
				t.Errorf("report:\n%s\nwant:\n%s", got, tt.want)
			}
		})
	}
}
