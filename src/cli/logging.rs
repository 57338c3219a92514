//! The log: a file per run in the platform's folder, and standard error with `-v`.
//!
//! The library logs with `tracing` and knows nothing of files. Lines are written by a thread of
//! their own, so that a slow disk never delays a camera.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

/// Number of log files that are kept.
pub(super) const KEPT: usize = 10;
/// Size at which a log file is closed: a run of weeks with `-vv` must not fill the disk.
const MAX_BYTES: u64 = 64 << 20;
/// The text before the arguments in the first line of a file.
pub(super) const ARGUMENTS: &str = " arguments: ";
/// Filter directives, as in `gem_live=debug,wgpu=warn`; replaces what `-v` selects.
const FILTER_VARIABLE: &str = "GEM_LIVE_LOG";

/// The folder of the log files; none if the platform has no folder for them.
pub(super) fn folder() -> Option<PathBuf> {
    let folders = directories::ProjectDirs::from("", "", "gem-live")?;
    Some(folders.state_dir().unwrap_or(folders.data_local_dir()).join("logs"))
}

/// The log files in `folder`, oldest first.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_log = |path: &PathBuf| path.extension().is_some_and(|e| e == "log");
    let mut files: Vec<PathBuf> = entries.map(|e| e.path()).filter(is_log).collect();
    // Names begin with the time.
    files.sort();
    files
}

/// Starts logging. `verbosity` is the number of `-v`. The log is complete once the guard is
/// dropped.
pub(super) fn start(verbosity: u8) -> WorkerGuard {
    let level = match verbosity {
        0 | 1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let directives = std::env::var(FILTER_VARIABLE).unwrap_or_default();
    let parsed = (!directives.is_empty()).then(|| EnvFilter::try_new(&directives));
    let filter = || match &parsed {
        Some(Ok(filter)) => filter.to_string(),
        _ => format!("warn,gem_live={level}"),
    };
    let (writer, guard) =
        NonBlockingBuilder::default().thread_name("log").finish(LogFile::new(folder(), header()));
    let file = fmt::layer()
        .with_writer(writer)
        .with_ansi(false)
        .with_thread_names(true)
        // How long a stage took. Spans are enabled at level `trace` only.
        .with_span_events(FmtSpan::CLOSE)
        .with_filter(EnvFilter::new(filter()));
    let console = (verbosity > 0).then(|| {
        fmt::layer()
            .with_writer(io::stderr)
            .with_ansi(false)
            .with_target(false)
            .with_span_events(FmtSpan::CLOSE)
            .with_filter(EnvFilter::new(filter()))
    });
    // Without -v, what makes a result differ from what its files say.
    let important = (verbosity == 0).then(|| {
        fmt::layer()
            .with_writer(io::stderr)
            .with_ansi(false)
            .with_target(false)
            .with_level(false)
            .without_time()
            .with_filter(EnvFilter::new("gem_live::sequence::file_thresholds=warn"))
    });
    let layers = tracing_subscriber::registry().with(file).with(console).with(important);
    if layers.try_init().is_err() {
        eprintln!("gem-live: no log is written: another logger is installed");
    }
    if let Some(Err(error)) = &parsed {
        let advice = "use for instance gem_live=debug";
        eprintln!("gem-live: {FILTER_VARIABLE} is ignored: {error} ({advice})");
    }
    log_panics();
    guard
}

/// Logs every panic before the usual message is printed.
fn log_panics() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tracing::error!("{panic}");
        print(panic);
    }));
}

/// The first line of a file: which program ran with which arguments, as JSON.
fn header() -> String {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|a| a.to_string_lossy().into_owned()).collect();
    let arguments = serde_json::to_string(&arguments).unwrap_or_default();
    let (system, processor) = (std::env::consts::OS, std::env::consts::ARCH);
    format!("gem-live {} {system}-{processor}{ARGUMENTS}{arguments}\n", env!("CARGO_PKG_VERSION"))
}

/// A file that is created with the first line: a run that logs nothing leaves none.
struct LogFile {
    folder: Option<PathBuf>,
    header: String,
    file: Option<File>,
    bytes: u64,
}

impl LogFile {
    fn new(folder: Option<PathBuf>, header: String) -> Self {
        Self { folder, header, file: None, bytes: 0 }
    }

    fn create(&mut self) -> Option<&mut File> {
        if self.file.is_none() {
            let folder = self.folder.take()?;
            match create(&folder, &self.header) {
                Ok(file) => self.file = Some(file),
                Err(e) => {
                    eprintln!("gem-live: no log is written to {}: {e}", folder.display());
                }
            }
        }
        self.file.as_mut()
    }
}

/// Creates a file that is named by the time and the process, and removes old ones.
fn create(folder: &Path, header: &str) -> io::Result<File> {
    std::fs::create_dir_all(folder)?;
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
    let mut file = File::options()
        .append(true)
        .create(true)
        .open(folder.join(format!("{now}_{}.log", std::process::id())))?;
    file.write_all(header.as_bytes())?;
    let files = files(folder);
    for old in files.iter().take(files.len().saturating_sub(KEPT)) {
        // Another run may have removed it, or be using it.
        let _ = std::fs::remove_file(old);
    }
    Ok(file)
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.bytes > MAX_BYTES {
            return Ok(line.len());
        }
        let Some(file) = self.create() else { return Ok(line.len()) };
        file.write_all(line)?;
        self.bytes += line.len() as u64;
        if self.bytes > MAX_BYTES
            && let Some(file) = &mut self.file
        {
            file.write_all(b"this log file is full: later lines are missing\n")?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), File::flush)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let name = |p: PathBuf| p.file_name().unwrap().to_string_lossy().into_owned();
        files(folder).into_iter().map(name).collect()
    }

    #[test]
    fn a_file_is_made_with_the_first_line_and_old_ones_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        for day in 10..30 {
            let name = format!("2020-01-{day}T00-00-00Z_1.log");
            std::fs::write(folder.path().join(name), "old").unwrap();
        }
        std::fs::write(folder.path().join("notes.txt"), "kept").unwrap();
        let mut log = LogFile::new(Some(folder.path().to_owned()), "header\n".into());
        assert_eq!(names(folder.path()).len(), 20);
        log.write_all(b"one\n").unwrap();
        log.write_all(b"two\n").unwrap();
        let left = names(folder.path());
        assert_eq!(left.len(), KEPT);
        assert_eq!(left[0], "2020-01-21T00-00-00Z_1.log");
        let text = std::fs::read_to_string(files(folder.path()).pop().unwrap()).unwrap();
        assert_eq!(text, "header\none\ntwo\n");
        assert!(folder.path().join("notes.txt").exists());
    }

    #[test]
    fn a_file_does_not_grow_without_bound() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = LogFile::new(Some(folder.path().to_owned()), String::new());
        let line = vec![b'x'; 9 << 20];
        for _ in 0..12 {
            log.write_all(&line).unwrap();
        }
        let path = files(folder.path()).pop().unwrap();
        let text = std::fs::read(path).unwrap();
        assert!(text.len() < (80 << 20) && text.ends_with(b"later lines are missing\n"));
    }

    #[test]
    fn a_folder_that_cannot_be_made_stops_nothing() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let mut log = LogFile::new(Some(folder.path().join("file/logs")), String::new());
        log.write_all(b"one\n").unwrap();
        log.write_all(b"two\n").unwrap();
    }
}
