//! Standard output and standard error, which may be closed or full.
//!
//! The macros of this file hide those of the standard library, which panic when a reader such as
//! `head` has closed the pipe. Here a closed pipe is ignored: the work continues, and the exit
//! status is that of the work. Any other failure is reported once and makes the command fail.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// Nothing more is written to the standard output.
static CLOSED: AtomicBool = AtomicBool::new(false);
/// The standard output failed, and not because its reader has gone.
static FAILED: AtomicBool = AtomicBool::new(false);

macro_rules! print {
    ($($text:tt)*) => { $crate::cli::output::write(format_args!($($text)*)) };
}

macro_rules! println {
    () => { $crate::cli::output::write(format_args!("\n")) };
    ($($text:tt)*) => { $crate::cli::output::write_line(format_args!($($text)*)) };
}

macro_rules! eprintln {
    ($($text:tt)*) => { $crate::cli::output::write_error(format_args!($($text)*)) };
}

/// Writes to the standard output.
pub(super) fn write(text: Arguments<'_>) {
    if CLOSED.load(Ordering::Relaxed) {
        return;
    }
    let mut stdout = std::io::stdout().lock();
    check(stdout.write_fmt(text).and_then(|()| stdout.flush()));
}

/// Writes a line to the standard output.
pub(super) fn write_line(text: Arguments<'_>) {
    write(format_args!("{text}\n"));
}

/// Writes a line to the standard error. There is no place to report a failure.
pub(super) fn write_error(text: Arguments<'_>) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

fn check(written: std::io::Result<()>) {
    let Err(error) = written else { return };
    CLOSED.store(true, Ordering::Relaxed);
    if error.kind() != ErrorKind::BrokenPipe {
        FAILED.store(true, Ordering::Relaxed);
        write_error(format_args!("gem-live: cannot write to the standard output: {error}"));
    }
}

/// The exit status of a command that ends with `code`.
pub(super) fn status(code: ExitCode) -> ExitCode {
    if FAILED.load(Ordering::Relaxed) { ExitCode::FAILURE } else { code }
}
