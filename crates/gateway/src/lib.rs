//! The HTTP face: health, metrics, SQL and jobs.
