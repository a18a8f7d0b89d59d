//! DESCRIBE: a table's columns as rows of text.

use flow::plan::Origin;

use super::{ColumnKind, Table};

/// A row per column: name, type, null, key, extras, watermark.
#[must_use]
pub fn describe(table: &Table) -> Vec<Vec<String>> {
    let key = format!("PRI({})", table.primary_key.join(", "));
    let row = |(position, column): (usize, &super::Column)| {
        let watermark = table.watermark.as_ref().filter(|it| it.column == position);
        let mark = if watermark.is_some() { " *ROWTIME*" } else { "" };
        let extras = match &column.kind {
            ColumnKind::Physical => String::new(),
            ColumnKind::Metadata { origin, is_virtual, .. } => {
                let suffix = if *is_virtual { " VIRTUAL" } else { "" };
                format!("METADATA FROM '{}'{suffix}", metadata_key(origin))
            }
            ColumnKind::Computed { text, .. } => format!("AS {text}"),
        };
        vec![
            column.name.clone(),
            format!("{}{mark}", column.declared),
            if column.nullable { "TRUE" } else { "FALSE" }.to_owned(),
            if table.primary_key.contains(&column.name) { key.clone() } else { String::new() },
            extras,
            watermark.map(|it| it.text.clone()).unwrap_or_default(),
        ]
    };
    table.columns.iter().enumerate().map(row).collect()
}

/// The metadata key of an origin that is one.
pub(crate) fn metadata_key(origin: &Origin) -> &str {
    match origin {
        Origin::Value(name) | Origin::Key(name) => name,
        Origin::Timestamp => "timestamp",
        Origin::Offset => "offset",
        Origin::Partition => "partition",
        Origin::Topic => "topic",
        Origin::LeaderEpoch => "leader-epoch",
        Origin::TimestampType => "timestamp-type",
    }
}
