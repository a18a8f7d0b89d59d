//! The structure of the tree, checked.
