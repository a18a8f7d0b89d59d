//! A job and its world, for the tests of sealed turns.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod clicks;
pub(crate) mod cluster;
pub(crate) mod memory;
