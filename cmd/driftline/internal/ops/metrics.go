package ops

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Register adds what every process shows: driftline_build_info and the metrics of
// the Go runtime and the process.
func Register(reg prometheus.Registerer, version, revision, goVersion string, ui bool) {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "driftline_build_info",
		Help: "Which build runs: always 1, the answer is in the labels.",
		ConstLabels: prometheus.Labels{
			"version": version, "revision": revision, "goversion": goVersion, "ui": strconv.FormatBool(ui),
		},
	})
	info.Set(1)
	reg.MustRegister(info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
}
