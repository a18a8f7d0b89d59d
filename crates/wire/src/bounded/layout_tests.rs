//! Tests of the layouts.

