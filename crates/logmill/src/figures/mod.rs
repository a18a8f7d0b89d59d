//! What `/metrics` shows of a node, a page for each of its parts: the cluster as the node's image has it, which every node shows; what a broker counts.

mod broker;
mod cluster;

pub(crate) use broker::BrokerPage;
pub(crate) use cluster::ClusterPage;
