//! Decoding allocates no more than the walk has summed up, measured by an allocator that counts.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use super::{
    layout_of,
    layout_tests::{Generator, rows},
    walker::walk,
};
use crate::{Api, request::decode};

struct Counting;

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on unchanged to the system's allocator, which keeps the contract.
#[expect(unsafe_code, reason = "an allocator that counts cannot be written without")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.with(|allocated| allocated.set(allocated.get() + layout.size()));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn decoding_allocates_at_most_what_the_walk_has_summed_up() {
    let mut generator = Generator::new(7);
    for (api, version) in rows().filter(|(api, _)| *api != Api::Produce) {
        for round in 0..100 {
            let mut body = generator.body(api, version).to_vec();
            if round % 2 == 1 && !body.is_empty() {
                let at = generator.random.below(body.len());
                body[at] = generator.random.byte();
            }
            let flexible = api.is_flexible(version);
            let Ok(walked) = walk(layout_of(api), version, flexible, &body) else { continue };
            let mut body = bytes::Bytes::from(body);
            let before = ALLOCATED.get();
            let decoded = decode(api, version, &mut body);
            let allocated = ALLOCATED.get() - before;
            // An error's words and backtrace are not part of the message.
            let allowed = walked.memory_bytes + if decoded.is_err() { 4096 } else { 0 };
            assert!(allocated <= allowed, "{api:?} v{version}: {allocated} of {allowed}");
        }
    }
}
