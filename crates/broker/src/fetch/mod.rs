//! Fetch: what is asked ([`target`]) and what of it is looked at ([`targets`]), by whom ([`reader`], [`replica`]), within a session or without
//! ([`session`]), and the answer ([`answer`]).

mod answer;
mod reader;
mod replica;
mod session;
mod target;
mod targets;

pub(crate) use self::{
    answer::{Segments, assemble},
    reader::Reader,
    replica::Replica,
    session::{Plan, Sessions},
    target::{Outcome, Target},
    targets::Targets,
};
