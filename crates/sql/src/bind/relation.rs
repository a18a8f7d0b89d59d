//! Rows on their way: a source, the steps so far, and what the columns are over the row that these give.

use flow::{
    expr::{Expr, Function},
    plan::{NamedExpr, Source, Step},
};

use super::{aggregate::window_column, coerce::joined, scope::Scope, window::GroupWindow};

/// What FROM gives, or a query.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    pub(super) source: Source,
    pub(super) steps: Vec<Step>,
    /// Conditions over the row of `steps` that have not become a step yet.
    pub(super) filters: Vec<Expr>,
    pub(super) scope: Scope,
    /// A window in FROM that no GROUP BY has used yet.
    pub(super) window: Option<GroupWindow>,
    /// Whether a window has been aggregated already.
    pub(super) is_aggregated: bool,
}

impl Relation {
    /// Makes the conditions a step.
    pub(super) fn filter(&mut self) {
        self.steps
            .extend(joined(std::mem::take(&mut self.filters), Function::And).map(Step::Filter));
    }

    /// Computes the columns once, so that whoever names one twice does not compute it twice.
    pub(super) fn settle(&mut self) {
        let is_plain = |expr: &Expr| matches!(expr, Expr::Column { .. } | Expr::Literal { .. });
        if self.scope.columns.iter().all(|column| is_plain(&column.expr)) {
            return;
        }
        self.filter();
        let mut computed = Vec::new();
        for column in &mut self.scope.columns {
            if window_column(&column.expr).is_none() {
                let of = column.expr.of();
                let placed = Expr::Column { ordinal: computed.len(), of };
                let expr = std::mem::replace(&mut column.expr, placed);
                computed.push(NamedExpr { name: column.name.clone(), expr });
            }
        }
        if let Some(window) = &mut self.window {
            let placed = Expr::Column { ordinal: computed.len(), of: window.row_time.of() };
            let expr = std::mem::replace(&mut window.row_time, placed);
            computed.push(NamedExpr { name: "$rowtime".to_owned(), expr });
        }
        self.steps.push(Step::Project(computed));
    }

    /// The columns, in order and under their names, as the last step.
    pub(super) fn projected(mut self) -> Self {
        self.filter();
        let columns = self
            .scope
            .columns
            .iter()
            .map(|column| NamedExpr { name: column.name.clone(), expr: column.expr.clone() });
        self.steps.push(Step::Project(columns.collect()));
        for (ordinal, column) in self.scope.columns.iter_mut().enumerate() {
            column.expr = Expr::Column { ordinal, of: column.expr.of() };
        }
        self
    }
}
