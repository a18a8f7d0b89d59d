//! The interactive shell: statements end with `;`, Ctrl-C ends a query, Ctrl-D the shell. History is kept in the home
//! directory.

use std::{
    env,
    io::{self, IsTerminal},
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rustyline::{DefaultEditor, error::ReadlineError};

use super::{
    print::{Output, Printer},
    remote::Remote,
};

const PROMPT: &str = "logmill> ";
const PROMPT_MORE: &str = "      -> ";
/// Pieces of answer that wait for the terminal.
const PIECES_MAX: usize = 256;

/// Runs the shell until the end of input.
pub(crate) fn run(remote: &Remote) -> ExitCode {
    if !io::stdin().is_terminal() {
        eprintln!(
            "error: standard input is no terminal; give statements with -f FILE, -f - or -e SQL"
        );
        return ExitCode::from(2);
    }
    let Ok(mut editor) = DefaultEditor::new() else {
        eprintln!(
            "error: the terminal cannot be edited on; give statements with -f FILE or -e SQL"
        );
        return ExitCode::from(2);
    };
    let history = history_file();
    if let Some(file) = &history {
        // The first shell of a user has no history.
        let _ = editor.load_history(file);
    }
    println!("Flink SQL on Logmill. Statements end with ';'. QUIT; or Ctrl-D ends.");
    let mut printer = Printer::new(Output::Text);
    let mut pending = String::new();
    loop {
        let prompt = if pending.is_empty() { PROMPT } else { PROMPT_MORE };
        match editor.readline(prompt) {
            Ok(line) => pending.push_str(&line),
            Err(ReadlineError::Interrupted) => {
                pending.clear();
                continue;
            }
            Err(_) => break,
        }
        pending.push('\n');
        let statement = pending.trim();
        if statement.is_empty() {
            pending.clear();
        } else if is_quit(statement) {
            break;
        } else if statement.ends_with(';') {
            // A history that cannot be kept is no reason to stop.
            let _ = editor.add_history_entry(statement);
            ask(remote, statement, &mut printer);
            pending.clear();
        }
    }
    if let Some(file) = &history {
        let _ = editor.save_history(file);
    }
    ExitCode::SUCCESS
}

/// Asks on a thread of its own, so that Ctrl-C ends the answer and not the shell.
fn ask(remote: &Remote, statement: &str, printer: &mut Printer) {
    let (pieces, answers) = std::sync::mpsc::sync_channel(PIECES_MAX);
    let is_over = Arc::new(AtomicBool::new(false));
    let (remote, session, statement) =
        (remote.clone(), printer.session.clone(), statement.to_owned());
    let asked = is_over.clone();
    std::thread::spawn(move || {
        let take = |answer| !asked.load(Ordering::Acquire) && pieces.send(Ok(answer)).is_ok();
        if let Err(error) = remote.execute(&session, &statement, take) {
            // The shell may have gone on already.
            let _ = pieces.send(Err(error));
        }
    });
    let interrupted = Interrupt::watch();
    loop {
        match answers.recv_timeout(Duration::from_millis(50)) {
            Ok(Ok(answer)) => {
                printer.print(answer);
            }
            Ok(Err(error)) => eprintln!("error: {error}"),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
        }
        if interrupted.has_come() {
            is_over.store(true, Ordering::Release);
            println!("interrupted");
            break;
        }
    }
}

/// Ctrl-C while a query runs.
struct Interrupt {
    runtime: Option<tokio::runtime::Runtime>,
    has_come: Arc<AtomicBool>,
}

impl Interrupt {
    fn watch() -> Self {
        let has_come = Arc::new(AtomicBool::new(false));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_io().build().ok();
        if let Some(runtime) = &runtime {
            let seen = has_come.clone();
            runtime.spawn(async move {
                if tokio::signal::ctrl_c().await.is_ok() {
                    seen.store(true, Ordering::Release);
                }
            });
        }
        Self { runtime, has_come }
    }

    fn has_come(&self) -> bool {
        self.has_come.load(Ordering::Acquire)
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn is_quit(statement: &str) -> bool {
    let word = statement.trim_end_matches(';').trim();
    word.eq_ignore_ascii_case("quit") || word.eq_ignore_ascii_case("exit")
}

fn history_file() -> Option<PathBuf> {
    env::var_os("HOME").map(|home| PathBuf::from(home).join(".logmill_history"))
}
