//! ApiVersions, versions 0 to 4: what is served. 3 names the client's software and tells features.
//!
//! A client takes a finalised feature for a promise: `transaction.version` 2 is an epoch for each transaction and implicit
//! additions of partitions (KIP-890).

use model::ErrorCode;
use wire::{
    Api, Versions,
    messages::{
        ApiVersionsRequest, ApiVersionsResponse,
        api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey},
        text,
    },
};

use crate::dispatch::Context;

pub(crate) fn handle(cx: Context, asked: ApiVersionsRequest) -> ApiVersionsResponse {
    let named = [&asked.client_software_name, &asked.client_software_version];
    if cx.version >= 3 && !named.into_iter().all(|name| is_software_name(name)) {
        return ApiVersionsResponse::default().with_error_code(ErrorCode::InvalidRequest.code());
    }
    let answer = ApiVersionsResponse::default();
    let answer = if cx.version >= 3 { with_features(answer, cx.version) } else { answer };
    answer
        .with_api_keys(Api::ALL.iter().map(|api| row(*api)).collect())
        .with_finalized_features_epoch(cx.image.version().0.max(0))
}

const TRANSACTION_VERSION: (&str, i16) = ("transaction.version", 2);

/// Clients before version 4 cannot read a supported feature that begins at 0 (KAFKA-17492): theirs are left out.
fn with_features(answer: ApiVersionsResponse, version: i16) -> ApiVersionsResponse {
    let (name, level) = TRANSACTION_VERSION;
    let finalised = FinalizedFeatureKey::default()
        .with_name(text(name))
        .with_max_version_level(level)
        .with_min_version_level(level);
    let answer = answer.with_finalized_features(vec![finalised]);
    if version < 4 {
        return answer;
    }
    let supported = SupportedFeatureKey::default()
        .with_name(text(name))
        .with_min_version(0)
        .with_max_version(level);
    answer.with_supported_features(vec![supported])
}

/// To a version that is not served: answered in version 0, with the versions that are (KIP-511).
pub(crate) fn refuse() -> ApiVersionsResponse {
    ApiVersionsResponse::default()
        .with_error_code(ErrorCode::UnsupportedVersion.code())
        .with_api_keys(vec![row(Api::ApiVersions)])
}

fn row(api: Api) -> ApiVersion {
    let Versions { first, last } = api.advertised();
    ApiVersion::default().with_api_key(api.key()).with_min_version(first).with_max_version(last)
}

/// `[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?`
fn is_software_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let ends = [name.bytes().next(), name.bytes().last()];
    ends.iter().all(|end| end.is_some_and(|byte| byte.is_ascii_alphanumeric()))
        && name.bytes().all(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn software_names_are_kafkas() {
        for legal in ["a", "apache-kafka-java", "4.1.0", "0"] {
            assert!(is_software_name(legal), "{legal}");
        }
        for illegal in ["", "-a", "a-", ".", "a b", "a_b", "ä"] {
            assert!(!is_software_name(illegal), "{illegal}");
        }
    }
}
