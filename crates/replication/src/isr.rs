//! Who is in sync: what the controller has committed, and what the leader has proposed since.
//!
//! ```text
//!    committed   the controller's word
//!    maximal     committed and whoever a pending proposal adds: they count for the high watermark at once, because the
//!                controller may already have made one of them leader; who is to go counts until he is gone
//! ```

use model::BrokerId;

/// In-sync replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Isr {
    committed: Vec<BrokerId>,
    proposed: Option<Vec<BrokerId>>,
}

impl Isr {
    /// As the controller has committed it.
    #[must_use]
    pub fn committed(members: &[BrokerId]) -> Self {
        Self { committed: members.to_vec(), proposed: None }
    }

    /// How many are in sync by the controller's word.
    #[must_use]
    pub fn count(&self) -> usize {
        self.committed.len()
    }

    /// The members by the controller's word.
    #[must_use]
    pub fn members(&self) -> &[BrokerId] {
        &self.committed
    }

    /// Whether `id` counts for the high watermark.
    pub(crate) fn is_maximal(&self, id: BrokerId) -> bool {
        self.committed.contains(&id) || self.proposed.as_ref().is_some_and(|all| all.contains(&id))
    }

    /// Whether a proposal is under way: there is at most one.
    pub(crate) fn is_pending(&self) -> bool {
        self.proposed.is_some()
    }

    /// What is proposed and not answered yet.
    pub(crate) fn proposed(&self) -> Option<&[BrokerId]> {
        self.proposed.as_deref()
    }

    /// What to propose so that `id` comes in.
    pub(crate) fn expand(&mut self, id: BrokerId) -> Vec<BrokerId> {
        assert!(!self.is_pending(), "one proposal at a time");
        let mut proposed = self.committed.clone();
        proposed.push(id);
        self.proposed.insert(proposed).clone()
    }

    /// What to propose so that `gone` go.
    pub(crate) fn shrink(&mut self, gone: &[BrokerId]) -> Vec<BrokerId> {
        assert!(!self.is_pending(), "one proposal at a time");
        let stay = self.committed.iter().filter(|id| !gone.contains(id)).copied();
        self.proposed.insert(stay.collect()).clone()
    }

    /// The controller has spoken.
    pub(crate) fn commit(&mut self, members: &[BrokerId]) {
        *self = Self::committed(members);
    }

    /// The controller has refused the proposal.
    pub(crate) fn withdraw(&mut self) {
        self.proposed = None;
    }
}
