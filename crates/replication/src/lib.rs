//! A partition: its role, its log, its high watermark and who waits for it.
