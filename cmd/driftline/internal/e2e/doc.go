// Package e2e tests the built binary as a user runs it: the demo, kill -9 while it
// works, a foreign Kafka client, the real MLflow client and XGBoost. There is no code
// here but tests.
package e2e
