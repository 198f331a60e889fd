// Package monitoring checks the files beside it: rules, their unit tests, dashboard
// and Alertmanager example parse with Prometheus' own code, use only metrics of the
// golden list, and every alert has a tested runbook. It holds tests only.
package monitoring
