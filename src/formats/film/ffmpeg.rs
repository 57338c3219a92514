//! A running ffmpeg that encodes frames from a pipe.

use super::error::FilmError;
use crate::image::{ImageU8, Size};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::JoinHandle;

/// Quality of H.264: visually without loss.
const QUALITY: &str = "16";

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
    child: Child,
    input: Option<ChildStdin>,
    errors: Option<JoinHandle<String>>,
}

impl Encoder {
    /// Whether ffmpeg can be started.
    pub(super) fn check(path: &Path) -> Result<(), FilmError> {
        let mut command = Command::new("ffmpeg");
        command.arg("-version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let missing = |cause| FilmError::Missing { path: path.to_owned(), cause };
        command.status().map(|_| ()).map_err(missing)
    }

    /// Starts ffmpeg, which writes to `file`; its extension selects the format.
    pub(super) fn start(
        path: &Path,
        file: &Path,
        size: Size,
        rate_hz: f64,
    ) -> Result<Self, FilmError> {
        let missing = |cause| FilmError::Missing { path: path.to_owned(), cause };
        let mut child = Command::new("ffmpeg")
            .args(["-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"])
            .args(["-s", &size.to_string(), "-r", &rate_hz.to_string(), "-i", "-", "-an"])
            // Players want 4:2:0, which needs even sides.
            .args(["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p"])
            .args(["-crf", QUALITY])
            .arg(file)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(missing)?;
        let gone = || missing(std::io::ErrorKind::BrokenPipe.into());
        let input = Some(child.stdin.take().ok_or_else(gone)?);
        let mut stderr = child.stderr.take().ok_or_else(gone)?;
        // Read all along, so that a full pipe cannot stop ffmpeg.
        let errors = std::thread::Builder::new().name("ffmpeg-errors".into()).spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let errors = errors.map_err(|cause| FilmError::Io { path: path.to_owned(), cause })?;
        Ok(Self { path: path.to_owned(), child, input, errors: Some(errors) })
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
        let status = self.child.wait();
        let status = status.map_err(|cause| FilmError::Io { path: self.path.clone(), cause })?;
        let text = self.error_output();
        // Some versions report success although the disk was full when they closed the file.
        match status.success() && text.trim().is_empty() {
            true => Ok(()),
            false => Err(self.explained(&text)),
        }
    }

    fn failure(&mut self) -> FilmError {
        drop(self.input.take());
        let _ = self.child.wait();
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
        // Usually ffmpeg has already ended; then neither call does anything.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
