//! One simulated thread's stack: a coroutine that is resumed by the scheduler and suspends itself from anywhere below.
//!
//! The coroutines are those of the crate `corosensei`. Its handle for suspending is a reference that lives at the bottom of the
//! coroutine's own stack; the one that runs is found through a thread-local pointer, which is what is unsafe here.

use std::{
    any::Any,
    cell::Cell,
    panic::{self, AssertUnwindSafe},
    ptr,
};

use corosensei::{Coroutine, CoroutineResult, Yielder, stack::DefaultStack};

/// What a thread does.
pub(super) type Body = Box<dyn FnOnce() + Send>;

/// A panic's payload.
pub(super) type Payload = Box<dyn Any + Send>;

/// Room for the deepest thread; pages are only made when they are touched.
const STACK_BYTES: usize = 2 << 20;
/// Stacks kept for the next thread.
const KEPT_MAX: usize = 256;

pub(super) struct Stack(Coroutine<(), (), Result<(), Payload>>);

/// Stacks of ended threads, for new ones.
#[derive(Default)]
pub(super) struct Stacks(Vec<DefaultStack>);

thread_local! {
    /// The handle of the coroutine that runs; null between two.
    static RUNNING: Cell<*const Yielder<(), ()>> = const { Cell::new(ptr::null()) };
}

impl Stacks {
    pub(super) fn start(&mut self, body: Body) -> Stack {
        let kept = self.0.pop().map_or_else(|| DefaultStack::new(STACK_BYTES), Ok);
        let stack = kept.expect("there is memory for a stack");
        Stack(Coroutine::with_stack(stack, move |yielder: &Yielder<(), ()>, ()| {
            RUNNING.set(ptr::from_ref(yielder));
            panic::catch_unwind(AssertUnwindSafe(body))
        }))
    }

    pub(super) fn keep(&mut self, ended: Stack) {
        if self.0.len() < KEPT_MAX {
            self.0.push(ended.0.into_stack());
        }
    }
}

impl Stack {
    /// Runs until the body suspends itself (none) or ends.
    pub(super) fn resume(&mut self) -> Option<Result<(), Payload>> {
        let resumed = self.0.resume(());
        RUNNING.set(ptr::null());
        match resumed {
            CoroutineResult::Yield(()) => None,
            CoroutineResult::Return(ended) => Some(ended),
        }
    }
}

/// Gives the real thread back to whoever resumed this coroutine, until it is resumed again.
#[expect(unsafe_code, reason = "the handle lives on the stack of the coroutine that runs")]
pub(super) fn suspend() {
    let running = RUNNING.get();
    assert!(!running.is_null(), "only a simulated thread waits on the simulation");
    // SAFETY: the pointer was set by the coroutine that runs now, from a reference that is valid until its function returns; we are
    // below that function on the same stack. It is cleared whenever that coroutine stops running, and set again below.
    unsafe { (*running).suspend(()) };
    RUNNING.set(running);
}
