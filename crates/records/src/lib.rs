//! Record batches v2 on bytes: borrow, validate, build, stamp in place, compress.
