//! A process as the operating system has it: its memory (from /proc), and the signals that end it.

use std::{
    fs, io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use tokio::signal::unix::{SignalKind, signal};

/// Bytes of memory that process `pid` holds now and held at most; none where there is no /proc.
pub(crate) fn memory_bytes(pid: u32) -> Option<(u64, u64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
    };
    Some((field("VmRSS:")?, field("VmHWM:")?))
}

/// SIGTERM or Ctrl-C.
pub(crate) async fn until_told_to_stop() {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = terminated => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// Sets `is_over` when this process is told to stop; from now on it does not end by itself.
///
/// # Errors
/// There is no thread.
pub(crate) fn on_stop(is_over: Arc<AtomicBool>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(until_told_to_stop());
        is_over.store(true, Ordering::Release);
    })?;
    Ok(())
}

/// Waits until standard input ends: the process at its other end is gone.
pub(crate) async fn until_input_ends() {
    // A read that cannot be stopped must not hold up the runtime: a plain thread.
    let (gone, ended) = tokio::sync::oneshot::channel();
    thread::spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        let _ = gone.send(());
    });
    let _ = ended.await;
}
