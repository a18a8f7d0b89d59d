//! The classic group protocol: members join, a leader among them assigns, all sync. The coordinator reads neither the metadata
//! nor the assignments (but for the topics of a consumer's subscription, which keep its offsets from expiring).
//!
//! ```text
//!             first join                 all joined, or time is up             the leader's sync, written
//!   Empty ───────────────▶ Preparing ───────────────────────▶ Completing ─────────────────────────▶ Stable
//!     ▲                     ▲     │ nobody left                   │ a member joins, leaves, is lost       │
//!     └─────────────────────┼─────┘                               │ or never syncs                        │
//!                           └─────────────────────────────────────┴───────────────────────────────────────┘
//! ```

mod group;
mod heartbeat;
mod join;
mod leave;
mod member;
mod protocols;
mod rebalance;
mod saved;
mod static_member;
mod subscription;
mod sync;

pub(crate) use group::{Group, Phase};
pub(crate) use join::Joining;
