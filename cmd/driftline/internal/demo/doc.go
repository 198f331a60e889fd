// Package demo shows the whole loop on real data: two years of hourly bike rentals
// pass through Kafka as if a prediction service were answering live, version 1 is
// trained on the first 13 weeks, drift raises alarms, challengers are trained, judged
// and promoted or refused, and accuracy recovers where the first model alone falls.
//
// No drift is painted in: what happens comes from the data. The producer is paced: at
// each day boundary it waits until the day is evaluated and no retrain is under way,
// so two runs give equal summaries.
//
// Data: Bike sharing, Washington DC, 2011–2012, see data/README.md for source, licence
// and citation.
package demo
