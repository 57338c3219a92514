//! A zip file about this computer and the last runs, to be sent with a question.

use super::redact::{redact, redact_arguments, redact_json};
use crate::cli::failure::Failure;
use crate::cli::logging;
use gem_live::formats::atomic_file;
use std::io::{BufRead, Read, Seek, SeekFrom, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;

/// How much of the end of a log file is taken.
const LOG_BYTES: u64 = 4 << 20;
/// Largest settings file that is read.
const SETTINGS_BYTES: u64 = 1 << 20;
/// Settings whose texts are choices of this program.
const CHOICES: &[&str] = &["view", "tab"];

/// Writes versions, the report on devices, the settings and the last logs to `path`. Names of
/// files are removed, and no pictures are included.
pub(super) fn write(path: &Path, devices: &str) -> Result<(), Failure> {
    if path.exists() {
        return Err(format!("{} exists: choose another name", path.display()).into());
    }
    let mut entries =
        vec![("versions.txt".to_owned(), versions()), ("devices.txt".to_owned(), redact(devices))];
    entries.extend(settings().map(|text| ("settings.json".to_owned(), text)));
    if let Some(folder) = logging::folder() {
        for file in logging::files(&folder).iter().rev().take(logging::KEPT) {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let text = match log(file, LOG_BYTES) {
                Ok((header, text)) => redact(&redact_arguments(&text, &header)),
                Err(e) => format!("cannot be read: {e}\n"),
            };
            entries.push((format!("logs/{name}"), text));
        }
    }
    atomic_file::write_with(path, |file| {
        let mut zip = zip::ZipWriter::new(file);
        for (name, text) in entries {
            zip.start_file(name, SimpleFileOptions::default()).map_err(std::io::Error::other)?;
            zip.write_all(text.as_bytes())?;
        }
        zip.finish().map_err(std::io::Error::other)?;
        Ok(())
    })?;
    Ok(())
}

/// The program, how it was built, and the system.
fn versions() -> String {
    let features = [
        ("app", cfg!(feature = "app")),
        ("wgpu", cfg!(feature = "wgpu")),
        ("train-cuda", cfg!(feature = "train-cuda")),
        ("train-burn", cfg!(feature = "train-burn")),
    ];
    let built: Vec<&str> = features.iter().filter(|(_, on)| *on).map(|(name, _)| *name).collect();
    let profile = if cfg!(debug_assertions) { "development" } else { "release" };
    format!(
        "gem-live {}\nfeatures: {}\nprofile: {profile}\nsystem: {}, {}\n",
        env!("CARGO_PKG_VERSION"),
        built.join(", "),
        system(),
        std::env::consts::ARCH
    )
}

/// The name of the operating system; on Linux that of the distribution and of the kernel.
fn system() -> String {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let pretty = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let parts = [std::env::consts::OS, pretty.unwrap_or_default().trim_matches('"'), kernel.trim()];
    parts.iter().filter(|p| !p.is_empty()).copied().collect::<Vec<_>>().join(", ")
}

/// The settings of the window, without the texts that the user has entered.
fn settings() -> Option<String> {
    let folders = directories::ProjectDirs::from("", "", "gem-live")?;
    let path = folders.config_dir().join("settings.json");
    let mut bytes = Vec::new();
    std::fs::File::open(path).ok()?.take(SETTINGS_BYTES).read_to_end(&mut bytes).ok()?;
    let mut value = match serde_json::from_slice(&bytes) {
        Ok(value) => value,
        // The position of the error only: the file may contain anything.
        Err(e) => return Some(format!("not JSON: line {}, column {}\n", e.line(), e.column())),
    };
    redact_json(&mut value, CHOICES);
    serde_json::to_string_pretty(&value).ok()
}

/// The first line of a log file, and the file or the end of it.
fn log(path: &Path, bytes: u64) -> std::io::Result<(String, String)> {
    let mut file = std::fs::File::open(path)?;
    let start = file.metadata()?.len().saturating_sub(bytes);
    let mut header = String::new();
    std::io::BufReader::new(&mut file).take(bytes).read_line(&mut header)?;
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.take(bytes).read_to_end(&mut tail)?;
    let text = String::from_utf8_lossy(&tail);
    // The first line is incomplete, and a path in it could not be recognised.
    let text = if start > 0 { text.split_once('\n').map_or("", |(_, rest)| rest) } else { &text };
    Ok((header, text.to_owned()))
}
