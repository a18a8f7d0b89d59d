//! Flink's SQL dialect: text to bound plan, with errors that point at the text.
