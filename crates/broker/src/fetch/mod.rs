//! Fetch: what is asked ([`target`]), within a session or without ([`session`]), and the answer ([`answer`]).

mod answer;
mod session;
mod target;

pub(crate) use self::{
    answer::{Segments, assemble},
    session::{Plan, Sessions},
    target::{Outcome, Target},
};
