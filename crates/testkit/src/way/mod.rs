//! The ways of one node to the others, over the simulated network: what the product does with sockets.

mod leaders;
mod links;
mod peers;

pub use leaders::NetLeaders;
pub use links::NetLinks;
pub use peers::NetPeers;
