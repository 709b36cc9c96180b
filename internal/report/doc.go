// Package report turns measurements into tables, pictures and pages: text
// tables for the terminal, Markdown and CSV; learning curves, ROC,
// precision-recall, reliability and confusion pictures; report.md of a run
// and of a comparison.
//
// The same data gives the same bytes: nothing here looks at the clock. Files
// are written under a temporary name and renamed, so that a killed run leaves
// no half of a picture.
package report
