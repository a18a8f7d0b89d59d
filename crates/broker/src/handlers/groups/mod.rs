//! Groups and their offsets: the coordinator decides, these pass on.

pub(crate) mod delete_groups;
pub(crate) mod describe_groups;
pub(crate) mod find_coordinator;
pub(crate) mod heartbeat;
pub(crate) mod join_group;
pub(crate) mod leave_group;
pub(crate) mod list_groups;
pub(crate) mod offset_commit;
pub(crate) mod offset_delete;
pub(crate) mod offset_fetch;
pub(crate) mod sync_group;

use coordinator::RequestContext;

use crate::dispatch::Context;

/// What the coordinator is told of the asker.
fn asker(cx: &Context) -> RequestContext {
    RequestContext {
        client_id: cx.client_id.clone(),
        client_host: cx.asker.host.clone(),
        api_version: cx.version,
    }
}
