//! A running ffmpeg that encodes frames from a pipe.

use super::error::FilmError;
use super::stopper::FilmStopper;
use crate::formats::child::without_ctrl_c;
use crate::image::{ImageU8, Size};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Quality of H.264: visually without loss.
const QUALITY: &str = "16";

/// Timeout for `ffmpeg -version`.
const CHECK_LIMIT: Duration = Duration::from_secs(10);
/// How soon that is noticed.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Extensions of films that ffmpeg writes.
pub(super) const EXTENSIONS: [&str; 5] = ["mp4", "mkv", "mov", "webm", "avi"];

/// The path of a film that can be written here: where ffmpeg is needed and not installed, the same
/// path with the extension `y4m`. Starts a program: not for the thread of a window.
pub fn without_ffmpeg(path: &Path) -> PathBuf {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    match EXTENSIONS.contains(&extension.as_str()) && Encoder::check(path).is_err() {
        true => path.with_extension("y4m"),
        false => path.to_owned(),
    }
}

/// An ffmpeg that writes to a file.
pub(super) struct Encoder {
    /// The film's path, for messages.
    path: PathBuf,
    process: FilmStopper,
    input: Option<ChildStdin>,
    errors: Option<JoinHandle<String>>,
}

impl Encoder {
    /// Whether ffmpeg can be started.
    pub(super) fn check(path: &Path) -> Result<(), FilmError> {
        let mut command = Command::new("ffmpeg");
        command.arg("-version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let missing = |cause| FilmError::Missing { path: path.to_owned(), cause };
        let mut child = command.spawn().map_err(missing)?;
        let start = Instant::now();
        let ended = loop {
            match child.try_wait() {
                Ok(None) if start.elapsed() < CHECK_LIMIT => std::thread::sleep(POLL_INTERVAL),
                Ok(None) => break Err(missing(std::io::ErrorKind::TimedOut.into())),
                Ok(Some(_)) => break Ok(()),
                Err(cause) => break Err(missing(cause)),
            }
        };
        // Usually it has ended; then neither call does anything.
        let _ = child.kill();
        let _ = child.wait();
        ended
    }

    /// Starts ffmpeg, which writes to `file`; its extension selects the format.
    pub(super) fn start(
        path: &Path,
        file: &Path,
        size: Size,
        rate_hz: f64,
        stopper: &FilmStopper,
    ) -> Result<Self, FilmError> {
        let mut command = Command::new("ffmpeg");
        command
            .args(["-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"])
            .args(["-s", &size.to_string(), "-r", &rate_hz.to_string(), "-i", "-", "-an"])
            // Players want 4:2:0, which needs even sides.
            .args(["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p"])
            .args(["-crf", QUALITY])
            .arg(file);
        Self::run(path, command, stopper)
    }

    /// Starts a program that reads frames from its standard input.
    fn run(path: &Path, mut command: Command, stopper: &FilmStopper) -> Result<Self, FilmError> {
        let missing = |cause| FilmError::Missing { path: path.to_owned(), cause };
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = without_ctrl_c(&mut command).spawn().map_err(missing)?;
        let gone = || missing(std::io::ErrorKind::BrokenPipe.into());
        let input = Some(child.stdin.take().ok_or_else(gone)?);
        let mut stderr = child.stderr.take().ok_or_else(gone)?;
        let process = stopper.clone();
        process.take_over(child);
        // Read all along, so that a full pipe cannot stop ffmpeg.
        let errors = std::thread::Builder::new().name("ffmpeg-errors".into()).spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let path = path.to_owned();
        match errors {
            Ok(errors) => Ok(Self { path, process, input, errors: Some(errors) }),
            Err(cause) => {
                process.end();
                Err(FilmError::Io { path, cause })
            }
        }
    }

    pub(super) fn add(&mut self, picture: &ImageU8) -> Result<(), FilmError> {
        let written = match &mut self.input {
            Some(input) => input.write_all(&picture.to_rgb()),
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        };
        match written {
            Ok(()) => Ok(()),
            // ffmpeg is gone: its own message gives the reason.
            Err(_) => Err(self.failure()),
        }
    }

    pub(super) fn finish(mut self) -> Result<(), FilmError> {
        drop(self.input.take());
        let status = self.process.wait();
        let status = status.map_err(|cause| FilmError::Io { path: self.path.clone(), cause })?;
        if !status.success() && self.process.is_stopped() {
            return Err(FilmError::Stopped(self.path.clone()));
        }
        let text = self.error_output();
        // Some versions report success although the disk was full when they closed the file.
        match status.success() && text.trim().is_empty() {
            true => Ok(()),
            false => Err(self.explained(&text)),
        }
    }

    fn failure(&mut self) -> FilmError {
        drop(self.input.take());
        let _ = self.process.wait();
        if self.process.is_stopped() {
            return FilmError::Stopped(self.path.clone());
        }
        let text = self.error_output();
        self.explained(&text)
    }

    /// The error output of ffmpeg, which has ended.
    fn error_output(&mut self) -> String {
        self.errors.take().and_then(|e| e.join().ok()).unwrap_or_default()
    }

    fn explained(&self, text: &str) -> FilmError {
        let last = text.lines().rev().find(|line| !line.trim().is_empty());
        let why = last.unwrap_or("it ended without a message").trim().to_owned();
        FilmError::Ffmpeg { path: self.path.clone(), why }
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        self.process.end();
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    /// It reads nothing and does not end, as a hanging ffmpeg.
    fn hanging(stopper: &FilmStopper) -> Encoder {
        let mut command = Command::new("sleep");
        command.arg("1000");
        Encoder::run(Path::new("film.mp4"), command, stopper).unwrap()
    }

    /// A terminal signals all processes of its foreground group.
    #[test]
    fn an_encoder_is_no_part_of_the_groups_that_a_terminal_signals() {
        let stopper = FilmStopper::default();
        let _encoder = hanging(&stopper);
        let process = stopper.process_id().unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
        // After the name in brackets: state, parent, group.
        let (_, after) = stat.rsplit_once(')').unwrap();
        assert_eq!(after.split_whitespace().nth(2), Some(process.to_string().as_str()), "{stat}");
    }

    #[test]
    fn an_encoder_that_hangs_is_ended_by_another_thread() {
        // More than a pipe holds.
        let picture = ImageU8::filled(true, Size::new(512, 512), 9);
        for finishes in [false, true] {
            let stopper = FilmStopper::default();
            let mut encoder = hanging(&stopper);
            let process = format!("/proc/{}", stopper.process_id().unwrap());
            assert!(Path::new(&process).exists());
            let picture = picture.clone();
            let work = move || match finishes {
                true => encoder.finish(),
                false => encoder.add(&picture),
            };
            let work = std::thread::spawn(work);
            stopper.stop();
            let outcome = work.join().unwrap();
            assert!(matches!(outcome, Err(FilmError::Stopped(_))), "{outcome:?}");
            assert!(!Path::new(&process).exists(), "{process}");
        }
        // Stopped before it was started.
        let stopper = FilmStopper::default();
        stopper.stop();
        assert!(matches!(hanging(&stopper).finish(), Err(FilmError::Stopped(_))));
    }
}
