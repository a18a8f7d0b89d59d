//! Cluster facts as records, and the immutable image they make.
