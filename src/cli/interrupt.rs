//! Ctrl-C and requests to end: a command that has something to finish is notified once and finishes;
//! any other ends at once, without leaving temporary files.

use gem_live::formats::atomic_file;
use gem_live::sequence::recorder;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Exit status of an interrupted command, as shells report one that a signal has ended.
const STATUS: u8 = 130;
/// How long a recording may take to write what waits.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How soon a signal is noticed.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Number of commands that finish by themselves.
static FINISHING: AtomicUsize = AtomicUsize::new(0);
static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Handles signals from now on. If the system refuses, a signal ends the program as usual.
pub(super) fn install() {
    let signal = Arc::new(AtomicBool::new(false));
    #[cfg(target_os = "linux")]
    let signals = [SIGINT, SIGTERM, signal_hook::consts::SIGHUP];
    // Elsewhere it is not known whether `nohup` ignores the end of the terminal.
    #[cfg(not(target_os = "linux"))]
    let signals = [SIGINT, SIGTERM];
    for number in signals.into_iter().filter(|number| !is_ignored(*number)) {
        let _ = signal_hook::flag::register(number, signal.clone());
    }
    // At a limit of the size of files, writing then fails instead of ending the program.
    #[cfg(unix)]
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
    let watch = move || {
        loop {
            std::thread::sleep(POLL_INTERVAL);
            if signal.swap(false, Ordering::AcqRel) {
                handle();
            }
        }
    };
    let _ = std::thread::Builder::new().name("signals".into()).spawn(watch);
}

/// Whether a signal is ignored from the start, as `nohup` does.
#[cfg(target_os = "linux")]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0);
    (mask >> (signal - 1)) & 1 == 1
}

#[cfg(not(target_os = "linux"))]
fn is_ignored(_: i32) -> bool {
    false
}

fn handle() {
    let finishing = FINISHING.load(Ordering::Acquire) > 0;
    if finishing && !REQUESTED.swap(true, Ordering::AcqRel) {
        eprintln!("gem-live: stopping; press Ctrl-C again to end at once");
        return;
    }
    eprintln!("gem-live: interrupted");
    // One that the window has started. The second request does not wait.
    recorder::interrupt_all(if finishing { Duration::ZERO } else { TIMEOUT });
    atomic_file::remove_unfinished();
    #[allow(
        clippy::disallowed_methods,
        reason = "other threads go on working; what they have written is complete"
    )]
    std::process::exit(STATUS.into());
}

/// While it exists, the first signal only sets [`Finishing::requested`].
pub(super) struct Finishing(());

impl Finishing {
    pub(super) fn new() -> Self {
        FINISHING.fetch_add(1, Ordering::AcqRel);
        Self(())
    }

    /// Whether the command should finish.
    pub(super) fn requested(&self) -> bool {
        requested()
    }
}

impl Drop for Finishing {
    fn drop(&mut self) {
        FINISHING.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Whether the command was asked to finish.
pub(super) fn requested() -> bool {
    REQUESTED.load(Ordering::Acquire)
}

/// The exit status of a command that ends with `code`, or that was interrupted.
pub(super) fn status(code: ExitCode) -> ExitCode {
    if requested() { ExitCode::from(STATUS) } else { code }
}
