//! ListTransactions, versions 0 to 2: those whose coordinator is this broker. 1 filters by duration, 2 by a pattern of ids.
//!
//! The pattern is RE2's in Kafka, matched against the whole id; here it is one of `regex-lite`: the same in linear time, without
//! Unicode classes.

use coordinator::{TransactionFilter, TransactionState};
use model::{ErrorCode, ProducerId};
use regex_lite::{Regex, RegexBuilder};
use wire::messages::{ListTransactionsRequest, ListTransactionsResponse};

use crate::dispatch::Context;

/// What a compiled pattern may take.
const PATTERN_BYTES_MAX: usize = 256 << 10;

pub(crate) async fn handle(
    cx: Context,
    asked: ListTransactionsRequest,
) -> ListTransactionsResponse {
    let answer = ListTransactionsResponse::default();
    let pattern = match asked.transactional_id_pattern.as_ref().map(|text| pattern(text.as_str())) {
        None => None,
        Some(Ok(pattern)) => Some(pattern),
        Some(Err(code)) => return answer.with_error_code(code.code()),
    };
    let (mut states, mut unknown) = (Vec::new(), Vec::new());
    for name in asked.state_filters {
        match TransactionState::from_name(name.as_str()) {
            Some(state) => states.push(state),
            None => unknown.push(name),
        }
    }
    if states.is_empty() && !unknown.is_empty() {
        return answer.with_unknown_state_filters(unknown); // no transaction is in a state that is none
    }
    let filter = TransactionFilter {
        states,
        producer_ids: asked.producer_id_filters.iter().map(|id| ProducerId(id.0)).collect(),
        duration_ms: (cx.version >= 1 && asked.duration_filter >= 0)
            .then_some(asked.duration_filter),
    };
    let listed = cx.shared.transactions.list(filter).await;
    let answer = answer.with_unknown_state_filters(unknown);
    match listed.unwrap_or(Err(ErrorCode::CoordinatorNotAvailable)) {
        Ok(mut listed) => {
            let is_shown = |id: &str| pattern.as_ref().is_none_or(|pattern| pattern.is_match(id));
            listed.retain(|transaction| is_shown(transaction.transactional_id.as_str()));
            answer.with_transaction_states(listed)
        }
        Err(code) => answer.with_error_code(code.code()),
    }
}

fn pattern(text: &str) -> Result<Regex, ErrorCode> {
    let whole = RegexBuilder::new(&format!("^(?:{text})$")).size_limit(PATTERN_BYTES_MAX).build();
    whole.map_err(|_| ErrorCode::InvalidRegularExpression)
}
