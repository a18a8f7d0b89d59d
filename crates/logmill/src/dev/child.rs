//! One node as a child process: started, killed, started again, ended.

use std::{
    env,
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{self, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, sync_channel},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// A node of a cluster on this machine.
pub(crate) struct Child {
    pub(crate) id: usize,
    file: PathBuf,
    settings: Vec<String>,
    running: Option<Running>,
}

struct Running {
    process: process::Child,
    /// Held open: its end tells the child that this process is gone.
    _alive: Option<ChildStdin>,
    /// The line that says that it serves.
    ready: Receiver<String>,
}

impl Child {
    pub(crate) const fn new(id: usize, file: PathBuf, settings: Vec<String>) -> Self {
        Self { id, file, settings, running: None }
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Its process, 0 when it has none.
    pub(crate) fn pid(&self) -> u32 {
        self.running.as_ref().map_or(0, |running| running.process.id())
    }

    /// Starts it; what it says goes to `log` beside its file.
    ///
    /// # Errors
    /// The operating system gives no process.
    pub(crate) fn start(&mut self) -> io::Result<()> {
        let log = OpenOptions::new().create(true).append(true).open(self.log())?;
        let mut command = Command::new(env::current_exe()?);
        command.arg("server").arg("--with-parent").arg("--config").arg(&self.file);
        for setting in &self.settings {
            command.arg("--set").arg(setting);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log.try_clone()?);
        // Ctrl-C is this process's to hear: it ends its children in order.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut process = command.spawn()?;
        let (sender, ready) = sync_channel(1);
        if let Some(output) = process.stdout.take() {
            thread::spawn(move || copy_lines(output, log, |line| drop(sender.try_send(line))));
        }
        let alive = process.stdin.take();
        self.running = Some(Running { process, _alive: alive, ready });
        Ok(())
    }

    /// Waits until it serves.
    ///
    /// # Errors
    /// It ended, or was not ready in time: the last lines of its log.
    pub(crate) fn await_ready(&mut self) -> Result<(), String> {
        let Some(running) = &self.running else { return Err(self.failed("is not started")) };
        match running.ready.recv_timeout(READY_WITHIN) {
            Ok(_) => Ok(()),
            Err(_) => Err(self.failed("does not serve")),
        }
    }

    /// Ends it cleanly; answers whether it did within a bounded time.
    pub(crate) fn stop(&mut self) -> bool {
        let Some(mut running) = self.running.take() else { return true };
        let pid = i32::try_from(running.process.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
        let begun = Instant::now();
        while begun.elapsed() < STOP_WITHIN {
            if let Ok(Some(status)) = running.process.try_wait() {
                return status.success();
            }
            thread::sleep(LOOK_EVERY);
        }
        let _ = running.process.kill();
        let _ = running.process.wait();
        false
    }

    /// How it ended, if it did by itself; told once.
    pub(crate) fn has_ended(&mut self) -> Option<String> {
        let status = self.running.as_mut()?.process.try_wait().ok()??;
        self.running = None;
        Some(status.to_string())
    }

    fn log(&self) -> PathBuf {
        self.file.with_file_name("log")
    }

    fn failed(&self, what: &str) -> String {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(5)..].join("\n    ");
        format!("node {} {what}; its log says:\n    {last}", self.id)
    }
}

fn copy_lines(output: impl io::Read, mut log: File, told: impl Fn(String)) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        // A log that cannot be written must not stop the node.
        let _ = writeln!(log, "{line}");
        told(line);
    }
}

/// Three nodes recover side by side, on whatever machine this is.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Longer than a node waits for its leaderships to be handed over.
const STOP_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(10);
