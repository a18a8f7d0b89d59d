//! DescribeTransactions, version 0.

use model::ErrorCode;
use wire::messages::{
    DescribeTransactionsRequest, DescribeTransactionsResponse,
    describe_transactions_response::TransactionState,
};

use crate::dispatch::Context;

pub(crate) async fn handle(
    cx: Context,
    asked: DescribeTransactionsRequest,
) -> DescribeTransactionsResponse {
    let ids = asked.transactional_ids.into_iter();
    let pending: Vec<_> =
        ids.map(|id| (cx.shared.transactions.describe(id.as_str().into()), id)).collect();
    let mut states = Vec::with_capacity(pending.len());
    for (described, id) in pending {
        let unavailable = || {
            TransactionState::default()
                .with_transactional_id(id)
                .with_error_code(ErrorCode::CoordinatorNotAvailable.code())
        };
        states.push(described.await.unwrap_or_else(unavailable));
    }
    DescribeTransactionsResponse::default().with_transaction_states(states)
}
