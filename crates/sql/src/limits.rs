//! How much text this crate takes on. All of it comes from strangers, so every way to be large or deep has its end here.

/// Bytes of one script.
pub const TEXT_BYTES_MAX: usize = 256 << 10;
/// Tokens of one statement, white space not counted; the parser's left-deep chains (`a + a + …`) are no deeper.
pub const STATEMENT_TOKENS_MAX: usize = 4_000;
/// Bytes of stack, mapped while a script is read and touched only as far as it is deep: the deepest one takes a quarter.
pub const PARSE_STACK_BYTES: usize = 16 << 20;
/// Statements of one script.
pub const STATEMENTS_MAX: usize = 500;
/// How deep parentheses, calls, CASEs and subqueries may nest.
pub const NESTING_MAX: usize = 50;
/// How deep a bound expression may be. A chain of ANDs or ORs is made a balanced tree and is not deep.
pub const EXPRESSION_DEPTH_MAX: usize = 64;
/// Nodes of one bound expression: COALESCE, IN and BETWEEN write their operand several times.
pub const EXPRESSION_NODES_MAX: usize = 20_000;
/// Levels of a stored expression; readers of stored plans stop at 128, of which the plan around it needs a few.
pub const STORED_LEVELS_MAX: usize = 110;
/// Columns of one table.
pub const COLUMNS_MAX: usize = 1_000;
/// Nodes of all the expressions of one plan.
pub const PLAN_NODES_MAX: usize = 200_000;

const _: () = assert!(STATEMENT_TOKENS_MAX < TEXT_BYTES_MAX, "a token is at least a byte");
const _: () = assert!(EXPRESSION_NODES_MAX <= PLAN_NODES_MAX, "one expression must fit");
