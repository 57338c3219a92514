//! Writes a film frame by frame. The file appears when the film is finished.

use super::error::FilmError;
use super::ffmpeg::{EXTENSIONS, Encoder};
use super::gif_file::Gif;
use super::stopper::FilmStopper;
use super::y4m;
use crate::image::{ImageU8, Size};
use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use tempfile::TempPath;

/// A film that is being written.
pub struct Film {
    path: PathBuf,
    rate_hz: f64,
    open: Option<Open>,
    frames: u64,
    /// A frame could not be written: what is in the file is not a whole film.
    failed: bool,
    stopper: FilmStopper,
}

/// A film whose first frame is known.
struct Open {
    size: Size,
    file: TempPath,
    writer: Writer,
}

enum Writer {
    Ffmpeg(Encoder),
    Y4m(BufWriter<File>),
    Gif(Box<Gif>),
}

/// A film that is finished.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FilmSummary {
    /// Number of frames.
    pub frames: u64,
    /// Size of the frames in pixels.
    pub size: Size,
    /// How long it plays, in seconds.
    pub seconds: f64,
}

impl Film {
    /// A film at a path, whose extension selects the format, of this many frames per second. Nothing
    /// is written before the first frame.
    ///
    /// # Errors
    /// The extension or the rate cannot be used, the file exists, or ffmpeg is needed and cannot be
    /// started.
    pub fn create(path: &Path, rate_hz: f64) -> Result<Self, FilmError> {
        if !(0.1..=1000.0).contains(&rate_hz) {
            return Err(FilmError::Rate(rate_hz));
        }
        let kind = extension(path);
        if !EXTENSIONS.contains(&kind.as_str()) && kind != "y4m" && kind != "gif" {
            return Err(FilmError::Kind(path.to_owned()));
        }
        // A film takes long to make: another one is not replaced by mistake.
        if path.symlink_metadata().is_ok() {
            return Err(FilmError::Exists(path.to_owned()));
        }
        if EXTENSIONS.contains(&kind.as_str()) {
            // At once, not after the first pictures were restored.
            Encoder::check(path)?;
        }
        let (path, stopper) = (path.to_owned(), FilmStopper::default());
        Ok(Self { path, rate_hz, open: None, frames: 0, failed: false, stopper })
    }

    /// Lets another thread stop the film.
    pub fn with_stopper(self, stopper: FilmStopper) -> Self {
        Self { stopper, ..self }
    }

    /// Number of frames so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// How long the film plays so far, in seconds.
    pub fn seconds(&self) -> f64 {
        self.frames as f64 / self.rate_hz
    }

    /// Appends a frame; its size must be that of the first.
    ///
    /// # Errors
    /// The file cannot be written, ffmpeg fails or is missing, the size differs, or the film was
    /// stopped.
    pub fn add(&mut self, picture: &ImageU8) -> Result<(), FilmError> {
        if self.stopper.is_stopped() {
            self.failed = true;
            return Err(FilmError::Stopped(self.path.clone()));
        }
        let found = picture.size();
        let open = match &mut self.open {
            Some(open) => open,
            None => {
                let opened = start(&self.path, found, self.rate_hz, &self.stopper)?;
                self.open.insert(opened)
            }
        };
        if open.size != found {
            let (path, expected) = (self.path.clone(), open.size);
            return Err(FilmError::Size { path, expected, found });
        }
        let io = |cause| FilmError::Io { path: self.path.clone(), cause };
        let added = match &mut open.writer {
            Writer::Ffmpeg(encoder) => encoder.add(picture),
            Writer::Y4m(file) => y4m::frame(picture, file).map_err(io),
            Writer::Gif(gif) => gif.add(picture).map_err(|why| io(std::io::Error::other(why))),
        };
        self.failed |= added.is_err();
        added?;
        self.frames += 1;
        Ok(())
    }

    /// Completes the film and puts it in its place.
    ///
    /// # Errors
    /// As [`Film::add`], [`FilmError::Empty`] without a frame, and [`FilmError::Incomplete`] after a
    /// frame that could not be written.
    pub fn finish(self) -> Result<FilmSummary, FilmError> {
        let (frames, seconds) = (self.frames, self.seconds());
        if self.failed {
            return Err(FilmError::Incomplete(self.path));
        }
        let path = self.path;
        let Some(Open { size, file, writer }) = self.open else {
            return Err(FilmError::Empty(path));
        };
        let io = |cause| FilmError::Io { path: path.clone(), cause };
        match writer {
            Writer::Ffmpeg(encoder) => encoder.finish()?,
            Writer::Y4m(mut file) => file.flush().map_err(io)?,
            Writer::Gif(gif) => gif.finish().map_err(|why| io(std::io::Error::other(why)))?,
        }
        file.persist_noclobber(&path).map_err(|e| match e.error.kind() {
            ErrorKind::AlreadyExists => FilmError::Exists(path.clone()),
            _ => io(e.error),
        })?;
        Ok(FilmSummary { frames, size, seconds })
    }
}

fn extension(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase()
}

fn start(path: &Path, size: Size, rate_hz: f64, stopper: &FilmStopper) -> Result<Open, FilmError> {
    let io = |cause| FilmError::Io { path: path.to_owned(), cause };
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(io)?;
    let kind = extension(path);
    let mut builder = tempfile::Builder::new();
    // Temporary files are private by default; make it readable like any other new file.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o644));
    }
    // ffmpeg selects the format by the extension.
    let suffix = format!(".part.{kind}");
    let (file, temporary) =
        builder.prefix(".").suffix(&suffix).tempfile_in(folder).map_err(io)?.into_parts();
    let writer = match kind.as_str() {
        "y4m" => {
            let mut file = BufWriter::with_capacity(1 << 20, file);
            y4m::header(size, rate_hz, &mut file).map_err(io)?;
            Writer::Y4m(file)
        }
        "gif" => {
            let gif = Gif::new(file, rate_hz).map_err(|why| io(std::io::Error::other(why)))?;
            Writer::Gif(Box::new(gif))
        }
        _ => Writer::Ffmpeg(Encoder::start(path, &temporary, size, rate_hz, stopper)?),
    };
    Ok(Open { size, file: temporary, writer })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;
    use image::AnimationDecoder;

    fn frames() -> Vec<ImageU8> {
        (0..5).map(|i| ImageU8::filled(true, Size::new(16, 12), 50 * i)).collect()
    }

    #[test]
    fn gifs_have_every_frame_and_its_duration() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/film.gif");
        let mut film = Film::create(&path, 10.0).unwrap();
        frames().iter().for_each(|f| film.add(f).unwrap());
        let summary = film.finish().unwrap();
        assert_eq!((summary.frames, summary.size), (5, Size::new(16, 12)));
        let file = std::io::BufReader::new(File::open(&path).unwrap());
        let read = image::codecs::gif::GifDecoder::new(file).unwrap().into_frames();
        let read = read.collect_frames().unwrap();
        assert_eq!(read.len(), 5);
        for (i, frame) in read.iter().enumerate() {
            assert_eq!(frame.delay().numer_denom_ms(), (100, 1));
            assert_eq!(
                frame.buffer().get_pixel(3, 3).0,
                [50 * i as u8, 50 * i as u8, 50 * i as u8, 255]
            );
        }
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_gif_whose_end_cannot_be_written_is_no_film() {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut gif = Gif::new(full, 10.0).unwrap();
        // So small that it is still in the buffer.
        gif.add(&ImageU8::filled(true, Size::new(4, 4), 9)).unwrap();
        assert!(gif.finish().unwrap_err().contains("No space left"));
    }

    #[test]
    fn a_film_of_which_a_frame_is_missing_is_not_completed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("film.y4m");
        let mut film = Film::create(&path, 25.0).unwrap();
        film.add(&ImageU8::filled(true, Size::new(16, 12), 1)).unwrap();
        film.failed = true;
        assert!(matches!(film.finish(), Err(FilmError::Incomplete(_))));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_unfinished_film_leaves_nothing_and_errors_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("film.y4m");
        let mut film = Film::create(&path, 25.0).unwrap();
        film.add(&ImageU8::filled(true, Size::new(16, 12), 1)).unwrap();
        let other = film.add(&ImageU8::filled(true, Size::new(16, 16), 1)).unwrap_err();
        assert!(other.to_string().contains("16x16 pixels in a film of 16x12"), "{other}");
        drop(film);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let mut late = Film::create(&path, 25.0).unwrap();
        late.add(&ImageU8::filled(true, Size::new(16, 12), 1)).unwrap();
        std::fs::write(&path, "another").unwrap();
        assert!(matches!(late.finish(), Err(FilmError::Exists(_))));
        assert!(matches!(Film::create(&path, 25.0), Err(FilmError::Exists(_))));
        assert_eq!(std::fs::read(&path).unwrap(), b"another");
        std::fs::remove_file(&path).unwrap();
        let empty = Film::create(&path, 25.0).unwrap().finish();
        assert!(matches!(empty, Err(FilmError::Empty(_))));
        assert!(matches!(Film::create(Path::new("a.png"), 25.0), Err(FilmError::Kind(_))));
        assert!(matches!(Film::create(&path, f64::NAN), Err(FilmError::Rate(_))));
    }
}
