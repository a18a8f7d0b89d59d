//! `GET /healthz`: whether the node serves.

/// It answers, hence it serves.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}
