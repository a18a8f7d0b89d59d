//! Text to statements. The only part that knows `sqlparser`: it reads tokens, expressions and queries; statements,
//! column lists and types, where Flink has its own grammar, are read here.
//!
//!   text ─▶ tokens ─▶ guard (how many, how deep) ─▶ statement by statement ─▶ our own syntax
//!
//! Stack and time are bounded on hostile text: by the guard (left-deep chains), by the parser's nesting limit, and
//! by the dialect's budget of expression starts (its parser tries alternatives).

mod constant;
mod dialect;
mod expression;
mod guard;
mod interval;
mod places;
mod predicate;
mod query;
mod reader;
mod special;
mod statement;
mod table;
mod types;

pub use self::reader::parse_script;

#[cfg(test)]
mod parse_tests;
