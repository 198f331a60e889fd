package mlflow

import (
	"net/http"
	"strings"
)

// route is one row of the table: what it is called, who may call it, what it does.
type route struct {
	methods string // "GET", or several with spaces
	path    string // below /api/2.0/mlflow/ and its twin, or absolute with a leading slash
	role    string
	writes  bool                     // runs in a write transaction
	call    func(*call) (any, error) // JSON in, JSON out
	raw     http.HandlerFunc         // or everything by itself
}

// patterns gives the mux patterns of a route: both prefixes, every method.
func (r route) patterns() []string {
	paths := []string{r.path}
	switch {
	case strings.HasPrefix(r.path, "/mlflow-artifacts/"):
		paths = []string{"/api/2.0" + r.path, "/ajax-api/2.0" + r.path}
	case !strings.HasPrefix(r.path, "/"):
		paths = []string{"/api/2.0/mlflow/" + r.path, "/ajax-api/2.0/mlflow/" + r.path}
	}
	var out []string
	for _, m := range strings.Fields(r.methods) {
		for _, p := range paths {
			out = append(out, m+" "+p)
		}
	}
	return out
}

// routes is the whole surface. Roles follow MLflow's permissions: reading READ =
// viewer, EDIT = editor, MANAGE = admin.
func (s *server) routes() []route {
	const v, e, a = RoleViewer, RoleEditor, RoleAdmin
	read := func(methods, path string, f func(*call) (any, error)) route {
		return route{methods: methods, path: path, role: v, call: f}
	}
	write := func(methods, path, role string, f func(*call) (any, error)) route {
		return route{methods: methods, path: path, role: role, writes: true, call: f}
	}
	return []route{
		{methods: "GET", path: "/health", role: RoleNone, raw: health},
		{methods: "GET", path: "/version", role: RoleNone, raw: version},

		write("POST", "experiments/create", e, createExperiment),
		read("GET", "experiments/get", experimentByID),
		read("GET", "experiments/get-by-name", experimentByName),
		read("POST GET", "experiments/search", searchExperiments),
		write("POST", "experiments/delete", a, deleteExperiment),
		write("POST", "experiments/restore", a, restoreExperiment),
		write("POST", "experiments/update", e, renameExperiment),
		write("POST", "experiments/set-experiment-tag", e, setExperimentTag),
		write("POST", "experiments/delete-experiment-tag", e, deleteExperimentTag),

		write("POST", "runs/create", e, createRun),
		write("POST", "runs/update", e, updateRun),
		write("POST", "runs/delete", a, deleteRun),
		write("POST", "runs/restore", a, restoreRun),
		read("GET", "runs/get", runByID),
		read("POST", "runs/search", searchRuns),
		write("POST", "runs/log-metric", e, logMetric),
		write("POST", "runs/log-parameter", e, logParam),
		write("POST", "runs/set-tag", e, setRunTag),
		write("POST", "runs/delete-tag", e, deleteRunTag),
		write("POST", "runs/log-batch", e, logBatch),
		write("POST", "runs/log-inputs", e, logInputs),
		write("POST", "runs/outputs", e, logOutputs),
		write("POST", "runs/log-model", e, logModelHistory),
		read("GET", "metrics/get-history", metricHistory),
		read("GET", "metrics/get-history-bulk", bulkHistory),
		read("GET", "metrics/get-history-bulk-interval", sampledHistory),

		write("POST", "logged-models", e, createLoggedModel),
		read("POST", "logged-models/search", searchLoggedModels),
		read("GET", "logged-models/{id}", loggedModelByID),
		write("PATCH", "logged-models/{id}", e, finishLoggedModel),
		write("DELETE", "logged-models/{id}", a, deleteLoggedModel),
		write("PATCH", "logged-models/{id}/tags", e, setLoggedModelTags),
		write("DELETE", "logged-models/{id}/tags/{key}", a, deleteLoggedModelTag),
		write("POST", "logged-models/{id}/params", e, addLoggedModelParams),
		{methods: "GET", path: "logged-models/{id}/artifacts/directories", role: v, raw: s.listLoggedModel},
		{methods: "GET", path: "logged-models/{id}/artifacts/files", role: v, raw: s.fileOfLoggedModel},

		write("POST", "registered-models/create", e, createModel),
		read("GET", "registered-models/get", modelByName),
		read("GET", "registered-models/search", searchModels),
		write("POST", "registered-models/rename", e, renameModel),
		write("PATCH", "registered-models/update", e, describeModel),
		write("DELETE", "registered-models/delete", a, deleteModel),
		read("POST GET", "registered-models/get-latest-versions", latestVersions),
		write("POST", "registered-models/set-tag", e, setModelTag),
		write("DELETE", "registered-models/delete-tag", e, deleteModelTag),
		write("POST", "registered-models/alias", e, setAlias),
		write("DELETE", "registered-models/alias", a, deleteAlias),
		read("GET", "registered-models/alias", versionByAlias),

		write("POST", "model-versions/create", e, createVersion),
		read("GET", "model-versions/get", versionByNumber),
		write("PATCH", "model-versions/update", e, describeVersion),
		write("DELETE", "model-versions/delete", a, deleteVersion),
		read("GET", "model-versions/search", searchVersions),
		read("GET", "model-versions/get-download-uri", downloadURI),
		write("POST", "model-versions/set-tag", e, setVersionTag),
		write("DELETE", "model-versions/delete-tag", a, deleteVersionTag),
		write("POST", "model-versions/transition-stage", e, transitionStage),

		{methods: "GET", path: "artifacts/list", role: v, raw: s.listRun},
		{methods: "GET", path: "/get-artifact", role: v, raw: s.fileOfRun},
		{methods: "GET", path: "/model-versions/get-artifact", role: v, raw: s.fileOfVersion},
		{methods: "GET", path: "/mlflow-artifacts/artifacts", role: v, raw: s.proxyList},
		{methods: "GET", path: "/mlflow-artifacts/artifacts/{path...}", role: v, raw: s.proxyGet},
		// Without a path they name the root, which the handlers refuse; without these two
		// rows the mux would answer with a redirect.
		{methods: "PUT", path: "/mlflow-artifacts/artifacts", role: e, raw: s.proxyPut},
		{methods: "DELETE", path: "/mlflow-artifacts/artifacts", role: a, raw: s.proxyDelete},
		{methods: "PUT", path: "/mlflow-artifacts/artifacts/{path...}", role: e, raw: s.proxyPut},
		{methods: "DELETE", path: "/mlflow-artifacts/artifacts/{path...}", role: a, raw: s.proxyDelete},
		{methods: "POST", path: "/mlflow-artifacts/mpu/{act}/{path...}", role: e, raw: noMultipart},
	}
}
