//! Windows, in both spellings: `TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL …))` and `GROUP BY TUMBLE(ts, INTERVAL …)`.

use flow::{expr::Expr, plan::Window, types::Type};

use super::{
    aggregate::WINDOW_COLUMNS,
    expression::Binder,
    scope::{Role, Scope, ScopeColumn},
};
use crate::{
    SqlError,
    span::Span,
    syntax::{Argument, Call, Expression, ExpressionKind as Kind, Factor, Interval, Name},
};

/// A window that rows are to be grouped by.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct GroupWindow {
    pub(super) window: Window,
    /// Over the row that is grouped.
    pub(super) row_time: Expr,
    /// `GROUP BY TUMBLE(…)`: TUMBLE_START and its like name its bounds.
    pub(super) is_legacy: bool,
}

const TVF_EXAMPLE: &str = "FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE))";

/// The arguments of `TUMBLE(…)` in FROM.
pub(super) struct TumbleCall<'a> {
    pub(super) table: &'a Factor,
    time: &'a Name,
    window: Window,
}

impl<'a> TumbleCall<'a> {
    pub(super) fn parse(call: &'a Call) -> Result<Self, SqlError> {
        match call.name.text.as_str() {
            "TUMBLE" => {}
            "HOP" | "CUMULATE" | "SESSION" => return Err(not_served(&call.name)),
            other => {
                return Err(SqlError::new(
                    format!("there is no table function {other}"),
                    call.name.span,
                )
                .with_hint(format!("windows are written {TVF_EXAMPLE}")));
            }
        }
        let [table, time, size, offset] = arguments(call)?;
        let Some(Expression { kind: Kind::Table(table), .. }) = table else {
            return Err(SqlError::new(
                "TUMBLE reads a table",
                table.map_or(call.name.span, |it| it.span),
            )
            .with_hint(format!("write {TVF_EXAMPLE}")));
        };
        let time = match time {
            Some(Expression { kind: Kind::Descriptor(names), span }) => match names.as_slice() {
                [name] => name,
                _ => return Err(SqlError::new("DESCRIPTOR names one column here", *span)),
            },
            other => {
                return Err(SqlError::new(
                    "TUMBLE needs the row time",
                    other.map_or(call.name.span, |it| it.span),
                )
                .with_hint("write DESCRIPTOR(ts)"));
            }
        };
        let Some(size) = size else {
            return Err(SqlError::new("TUMBLE needs the length of its windows", call.name.span)
                .with_hint("write INTERVAL '1' MINUTE"));
        };
        let window = tumble(size, offset)?;
        Ok(Self { table, time, window })
    }

    /// The window over the rows of `scope`, and the scope with the window's columns.
    pub(super) fn bind(&self, scope: &mut Scope) -> Result<GroupWindow, SqlError> {
        let column = scope.resolve(std::slice::from_ref(self.time), self.time.span)?;
        let row_time = require_row_time(column, scope, self.time.span)?;
        let timestamp = Type::Timestamp { precision: 3 };
        let names = ["window_start", "window_end", "window_time"];
        let types = [timestamp, timestamp, row_time.of()];
        for ((name, of), ordinal) in names.into_iter().zip(types).zip(WINDOW_COLUMNS) {
            if scope.columns.iter().any(|column| column.name == name) {
                return Err(SqlError::new(
                    format!("the table has a column '{name}' already"),
                    self.time.span,
                )
                .with_hint("select its columns under other names: TABLE(TUMBLE((SELECT …), …))"));
            }
            let expr = Expr::Column { ordinal, of };
            scope.columns.push(ScopeColumn { name: name.to_owned(), expr, role: Role::Window });
        }
        Ok(GroupWindow { window: self.window.clone(), row_time, is_legacy: false })
    }
}

impl GroupWindow {
    /// The window of `GROUP BY TUMBLE(ts, INTERVAL '1' MINUTE)`, if `call` is one.
    pub(super) fn legacy(scope: &Scope, call: &Call) -> Result<Option<Self>, SqlError> {
        match call.name.text.as_str() {
            "TUMBLE" => {}
            "HOP" | "SESSION" => return Err(not_served(&call.name)),
            _ => return Ok(None),
        }
        let [Argument { name: None, value: time }, Argument { name: None, value: size }] =
            call.arguments.as_slice()
        else {
            return Err(SqlError::new(
                "GROUP BY TUMBLE takes a row time and a length",
                call.name.span,
            )
            .with_hint("write TUMBLE(ts, INTERVAL '1' MINUTE)"));
        };
        let Kind::Column(parts) = &time.kind else {
            return Err(SqlError::new("TUMBLE takes the row time column itself", time.span)
                .with_hint("compute it in the table: rowtime AS TO_TIMESTAMP_LTZ(ts, 3)"));
        };
        let column = scope.resolve(parts, time.span)?;
        let row_time = require_row_time(column, scope, time.span)?;
        Ok(Some(Self { window: tumble(size, None)?, row_time, is_legacy: true }))
    }

    /// `TUMBLE_START(ts, INTERVAL '1' MINUTE)`, if `call` is such.
    pub(super) fn property(
        &self,
        binder: &mut Binder<'_>,
        call: &Call,
    ) -> Result<Option<Expr>, SqlError> {
        let timestamp = Type::Timestamp { precision: 3 };
        let (place, of) = match call.name.text.as_str() {
            "TUMBLE_START" => (0, timestamp),
            "TUMBLE_END" => (1, timestamp),
            "TUMBLE_ROWTIME" => (2, self.row_time.of()),
            "TUMBLE_PROCTIME" | "HOP_START" | "HOP_END" | "SESSION_START" | "SESSION_END" => {
                return Err(SqlError::new(
                    format!("{} is not served", call.name.text),
                    call.name.span,
                ));
            }
            _ => return Ok(None),
        };
        if !self.is_legacy {
            return Err(SqlError::new(
                format!("{} belongs to GROUP BY TUMBLE(…)", call.name.text),
                call.name.span,
            )
            .with_hint("write window_start, window_end or window_time"));
        }
        let same = match call.arguments.as_slice() {
            [time, size] => {
                binder.bind(&time.value)? == self.row_time
                    && tumble(&size.value, None)? == self.window
            }
            _ => false,
        };
        if !same {
            let message =
                format!("{} must repeat the arguments of TUMBLE in GROUP BY", call.name.text);
            return Err(SqlError::new(message, call.name.span));
        }
        let ordinal = WINDOW_COLUMNS.get(place).copied().unwrap_or(usize::MAX);
        Ok(Some(Expr::Column { ordinal, of }))
    }
}

/// By position, or by DATA =>, TIMECOL =>, SIZE =>, OFFSET =>.
fn arguments(call: &Call) -> Result<[Option<&Expression>; 4], SqlError> {
    const NAMES: [&str; 4] = ["DATA", "TIMECOL", "SIZE", "OFFSET"];
    let mut found = [None; 4];
    for (position, argument) in call.arguments.iter().enumerate() {
        let place = match &argument.name {
            None => Some(position),
            Some(name) => NAMES.iter().position(|it| *it == name.text),
        };
        let slot = place.and_then(|place| found.get_mut(place));
        match slot {
            Some(slot @ None) => *slot = Some(&argument.value),
            _ => {
                return Err(SqlError::new(
                    "TUMBLE does not take this argument",
                    argument.value.span,
                )
                .with_hint("it takes DATA, TIMECOL, SIZE and OFFSET, each once"));
            }
        }
    }
    Ok(found)
}

fn tumble(size: &Expression, offset: Option<&Expression>) -> Result<Window, SqlError> {
    let length = |expression: &Expression| match &expression.kind {
        Kind::Interval(Interval::Milliseconds(ms)) => Ok(*ms),
        Kind::Interval(Interval::Months(_)) => {
            Err(SqlError::new("a window has a fixed length; months have none", expression.span)
                .with_hint("use days: INTERVAL '30' DAY"))
        }
        _ => Err(SqlError::new("expected an INTERVAL", expression.span)
            .with_hint("write INTERVAL '1' MINUTE")),
    };
    let size_ms = length(size)?;
    let offset_ms = offset.map(length).transpose()?.unwrap_or(0);
    if size_ms <= 0 {
        return Err(SqlError::new("a window is longer than nothing", size.span));
    }
    if offset_ms.checked_abs().is_none_or(|offset| offset >= size_ms) {
        let span = offset.map_or(size.span, |it| it.span);
        return Err(SqlError::new("the offset must be shorter than the window", span));
    }
    Ok(Window::Tumble { size_ms, offset_ms })
}

fn require_row_time(column: &ScopeColumn, scope: &Scope, span: Span) -> Result<Expr, SqlError> {
    if column.role == Role::RowTime {
        return Ok(column.expr.clone());
    }
    let message = format!(
        "a window needs a row time with a watermark, and '{}' ({}) is none",
        column.name,
        column.expr.of()
    );
    let other = scope.columns.iter().find(|column| column.role == Role::RowTime);
    Err(SqlError::new(message, span).with_hint(match other {
        Some(other) => format!("the row time is '{}'", other.name),
        None => format!("declare it in CREATE TABLE: WATERMARK FOR {0} AS {0} - INTERVAL '5' SECOND; a subquery must pass it on as it is", column.name),
    }))
}

fn not_served(name: &Name) -> SqlError {
    SqlError::new(format!("{} windows are not served yet", name.text), name.span)
        .with_hint("use TUMBLE; the same statement runs on Flink against the same topics")
}
