//! Sources of sharp frames: folders of images, and videos through an installed ffmpeg.

use crate::formats::child::without_ctrl_c;
use crate::formats::input;
use crate::formats::limits::MAX_UNPACKED_BYTES;
use crate::formats::pictures::{PictureError, pictures, read_picture};
use crate::image::{ImageU8, Size};
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// Why a source cannot deliver frames.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file or folder cannot be read.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        cause: std::io::Error,
    },
    /// An image cannot be read.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// ffmpeg or ffprobe cannot be started.
    #[error(
        "{}: {program} cannot be started ({cause}): install ffmpeg to read videos and to \
         interpolate",
        path.display()
    )]
    Missing {
        /// The input that needs it.
        path: PathBuf,
        /// The program: ffmpeg or ffprobe.
        program: &'static str,
        /// The system's error.
        cause: std::io::Error,
    },
    /// ffmpeg could not read the input.
    #[error("{}: ffmpeg: {why}", path.display())]
    Ffmpeg {
        /// The input.
        path: PathBuf,
        /// The last line of its error output.
        why: String,
    },
}

/// The frames of one sequence, in order.
pub enum Source {
    /// Images as they are.
    Folder(std::vec::IntoIter<PathBuf>),
    /// Frames that ffmpeg decodes or interpolates.
    Ffmpeg(Ffmpeg),
}

/// How to open a sequence.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    /// Frames per second of the input; `None` uses the rate of the video.
    pub rate_hz: Option<f64>,
    /// Interpolation factor: output frames per input frame; 1 without interpolation.
    pub interpolate: u32,
    /// Frames are resized to this size.
    pub size: Option<Size>,
}

/// Frames per second of a folder without a given rate: REDS was recorded at 120.
const REDS_HZ: f64 = 120.0;

impl Source {
    /// Opens a folder of images (sorted by name, numbers by value) or a video. Also returns the
    /// frame rate after interpolation, in frames per second.
    ///
    /// # Errors
    /// The input cannot be read, or ffmpeg is needed and not installed.
    pub fn open(path: &Path, opening: Opening) -> Result<(Self, f64), SourceError> {
        let n = opening.interpolate.max(1);
        if !path.is_dir() {
            let rate_hz = match opening.rate_hz {
                Some(rate_hz) => rate_hz,
                None => probe(path)?,
            };
            let input = ["-i".into(), path.as_os_str().to_owned()];
            let ffmpeg = Ffmpeg::start(path, &input, None, rate_hz, n, opening.size)?;
            return Ok((Self::Ffmpeg(ffmpeg), rate_hz * f64::from(n)));
        }
        let rate_hz = opening.rate_hz.unwrap_or(REDS_HZ);
        let files = pictures(path)?;
        if n == 1 && opening.size.is_none() {
            return Ok((Self::Folder(files.into_iter()), rate_hz));
        }
        let input = ["-f", "image2pipe", "-framerate", &rate_hz.to_string(), "-i", "-"];
        let input = input.map(Into::into);
        let ffmpeg = Ffmpeg::start(path, &input, Some(files), rate_hz, n, opening.size)?;
        Ok((Self::Ffmpeg(ffmpeg), rate_hz * f64::from(n)))
    }

    /// The next frame; `None` at the end. A folder continues after an image that cannot be decoded,
    /// a video does not.
    pub fn frame(&mut self) -> Option<Result<ImageU8, SourceError>> {
        match self {
            Self::Folder(files) => files.next().map(|path| Ok(read_picture(&path)?)),
            Self::Ffmpeg(ffmpeg) => ffmpeg.frame(),
        }
    }
}

/// Frames per second of a video.
fn probe(path: &Path) -> Result<f64, SourceError> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v:0", "-show_entries"])
        .args(["stream=avg_frame_rate", "-of", "default=noprint_wrappers=1:nokey=1"])
        .arg(path)
        .stdin(Stdio::null())
        .output()
        .map_err(|cause| SourceError::Missing {
            path: path.to_owned(),
            program: "ffprobe",
            cause,
        })?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let rate = text
        .trim()
        .split_once('/')
        .and_then(|(a, b)| Some(a.parse::<f64>().ok()? / b.parse::<f64>().ok()?));
    rate.filter(|r| r.is_finite() && *r > 0.0).ok_or_else(|| SourceError::Ffmpeg {
        path: path.to_owned(),
        why: last_line(&output.stderr, "the video has no frame rate"),
    })
}

fn last_line(text: &[u8], otherwise: &str) -> String {
    let text = String::from_utf8_lossy(text);
    text.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or(otherwise).trim().to_owned()
}

/// A running ffmpeg whose output frames are read as they arrive.
pub struct Ffmpeg {
    path: PathBuf,
    child: Child,
    out: BufReader<ChildStdout>,
    errors: Option<std::thread::JoinHandle<Vec<u8>>>,
    frames: usize,
}

impl Ffmpeg {
    fn start(
        path: &Path,
        input: &[std::ffi::OsString],
        feed: Option<Vec<PathBuf>>,
        rate_hz: f64,
        interpolate: u32,
        size: Option<Size>,
    ) -> Result<Self, SourceError> {
        let mut filters = Vec::new();
        if let Some(Size { width, height }) = size {
            filters.push(format!("scale={width}:{height}:flags=area"));
        }
        if interpolate > 1 {
            // Motion-compensated. The timestamps are rebuilt from the frame number, so that the
            // rate is the requested one and not the container's.
            filters.push(format!("setpts=N/({rate_hz}*TB)"));
            let rate_hz = rate_hz * f64::from(interpolate);
            // The filter does not support RGB; this format keeps the colour within one step of 255.
            // Scene-change detection is off: frames that differ much are still one scene.
            filters.push("format=yuvj444p".to_owned());
            let how = "mi_mode=mci:mc_mode=aobmc:vsbmc=1:scd=none";
            filters.push(format!("minterpolate=fps={rate_hz}:{how}"));
        }
        if filters.is_empty() {
            filters.push("null".to_owned());
        }
        let missing =
            |cause| SourceError::Missing { path: path.to_owned(), program: "ffmpeg", cause };
        let mut command = Command::new("ffmpeg");
        command
            .args(["-v", "error", "-nostdin"])
            .args(input)
            .args(["-an", "-sn", "-vf", &filters.join(","), "-vsync", "passthrough"])
            .args(["-f", "image2pipe", "-c:v", "ppm", "-pix_fmt", "rgb24", "-"])
            .stdin(if feed.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = without_ctrl_c(&mut command).spawn().map_err(missing)?;
        let gone = || missing(std::io::ErrorKind::BrokenPipe.into());
        let out = child.stdout.take().ok_or_else(gone)?;
        let mut error_output = child.stderr.take().ok_or_else(gone)?;
        let errors = std::thread::Builder::new().name("ffmpeg-errors".into()).spawn(move || {
            let mut text = Vec::new();
            let _ = error_output.read_to_end(&mut text);
            text
        });
        let io = |cause| SourceError::Io { path: path.to_owned(), cause };
        let errors = Some(errors.map_err(io)?);
        if let (Some(files), Some(mut stdin)) = (feed, child.stdin.take()) {
            let feeder = move || {
                for file in files {
                    // If a file or ffmpeg is gone, the sequence ends here; the missing frames show
                    // this.
                    let Ok(bytes) = input::read(&file, MAX_UNPACKED_BYTES) else { return };
                    if stdin.write_all(&bytes).is_err() {
                        return;
                    }
                }
            };
            std::thread::Builder::new().name("ffmpeg-input".into()).spawn(feeder).map_err(io)?;
        }
        Ok(Self { path: path.to_owned(), child, out: BufReader::new(out), errors, frames: 0 })
    }

    fn frame(&mut self) -> Option<Result<ImageU8, SourceError>> {
        match read_ppm(&mut self.out) {
            Ok(Some(picture)) => {
                self.frames += 1;
                Some(Ok(picture))
            }
            Ok(None) | Err(_) => {
                // The stream ended, or it was cut off; ffmpeg's error output distinguishes the two.
                let errors = self.errors.take()?;
                let text = errors.join().unwrap_or_default();
                let failed = self.child.wait().map_or(true, |status| !status.success());
                let why = last_line(&text, "no frames were decoded");
                let path = self.path.clone();
                (failed || self.frames == 0 || !text.is_empty())
                    .then_some(Err(SourceError::Ffmpeg { path, why }))
            }
        }
    }
}

impl Drop for Ffmpeg {
    fn drop(&mut self) {
        // Usually ffmpeg has already exited; then neither call does anything.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One image in the format of ffmpeg's `ppm` encoder; `None` at the end.
fn read_ppm(input: &mut impl Read) -> std::io::Result<Option<ImageU8>> {
    let bad = || std::io::Error::from(std::io::ErrorKind::InvalidData);
    let mut numbers = Vec::new();
    let mut word = Vec::new();
    let mut byte = [0_u8];
    while numbers.len() < 4 {
        match input.read_exact(&mut byte) {
            Err(_) if numbers.is_empty() && word.is_empty() => return Ok(None),
            other => other?,
        }
        match byte {
            [b' ' | b'\n'] if !word.is_empty() => numbers.push(std::mem::take(&mut word)),
            [b' ' | b'\n'] => {}
            [other] if word.len() < 8 => word.push(other),
            _ => return Err(bad()),
        }
    }
    let number = |i: usize| -> Option<usize> {
        std::str::from_utf8(numbers.get(i)?).ok()?.parse().ok().filter(|n| *n <= 1 << 15)
    };
    let (Some(width), Some(height), Some(255)) = (number(1), number(2), number(3)) else {
        return Err(bad());
    };
    let mut rgb = vec![0; width * height * 3];
    input.read_exact(&mut rgb)?;
    ImageU8::from_rgb(Size::new(width, height), &rgb).map(Some).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_read_from_a_pipe_and_truncation_is_an_error() {
        let mut stream = b"P6\n2 1\n255\n\x01\x02\x03\x04\x05\x06".to_vec();
        stream.extend_from_slice(b"P6\n1 1\n255\n\x0a\x20\x0c");
        let mut input = stream.as_slice();
        let first = read_ppm(&mut input).unwrap().unwrap();
        assert_eq!((first.size(), first.data()), (Size::new(2, 1), [3, 6, 2, 5, 1, 4].as_slice()));
        let second = read_ppm(&mut input).unwrap().unwrap();
        assert_eq!(second.data(), [0x0c, 0x20, 0x0a]);
        assert!(read_ppm(&mut input).unwrap().is_none());
        assert!(read_ppm(&mut &stream[..15]).is_err());
        assert!(read_ppm(&mut b"P6\n99999999999 1\n255\n".as_slice()).is_err());
    }
}
