//! Fetch: what is asked ([`target`]), by whom ([`replica`]), within a session or without ([`session`]), and the answer ([`answer`]).

mod answer;
mod replica;
mod session;
mod target;

pub(crate) use self::{
    answer::{Segments, assemble},
    replica::Replica,
    session::{Plan, Sessions},
    target::{Outcome, Target},
};
