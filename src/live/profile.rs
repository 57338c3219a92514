//! Named profiles: the settings of cameras and noise filters, kept in their own file.

use crate::camera::{Control, Value};
use crate::formats::limits::MAX_TEXT_BYTES;
use crate::formats::{atomic_file, input};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Maximum length of a name.
const MAX_NAME: usize = 64;
/// Changes are written once no other has followed for this long: a dragged slider changes often.
const DEBOUNCE: Duration = Duration::from_secs(1);
/// Controls that are actions or positions, not settings.
const NOT_SETTINGS: &[&str] = &["filter_hot_forget", "paused", "position", "step"];
/// Settings that an automatic control changes by itself: they are kept only while it is off.
const AUTOMATIC: &[(&str, &str)] = &[
    ("exposure_us", "auto_exposure"),
    ("gain", "auto_gain"),
    ("gain_db", "auto_gain"),
    ("white_balance_k", "auto_white_balance"),
    ("focus", "auto_focus"),
];

/// Content of a file. Unknown fields are ignored.
#[derive(Default, Serialize, Deserialize)]
struct File {
    /// Values by the names of their controls.
    controls: BTreeMap<String, Value>,
}

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The name cannot be that of a file.
    #[error("{0:?} is not a valid profile name: use up to 64 letters, digits, - and _")]
    Name(String),
    /// The system has no folder for settings.
    #[error("profiles cannot be kept: this system has no folder for settings")]
    NoFolder,
    /// There is no such profile.
    #[error("there is no profile {name}{known}: make one with --save-profile {name}")]
    Missing {
        /// The name that was asked for.
        name: String,
        /// The known profiles, as text.
        known: String,
    },
    /// The file cannot be read.
    #[error("{path}: {why}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// The settings to load into the cameras, and the file to which changes are saved.
#[derive(Debug, Default)]
pub struct Profile {
    /// Settings that were not applied yet: the camera may not be connected.
    wanted: BTreeMap<String, Value>,
    save_to: Option<PathBuf>,
    /// What is in the file, and what is to be.
    saved: BTreeMap<String, Value>,
    changed: Option<(BTreeMap<String, Value>, Instant)>,
}

/// The folder for the current user's profiles.
pub fn folder() -> Option<PathBuf> {
    let folders = directories::ProjectDirs::from("", "", "gem-live")?;
    Some(folders.config_dir().join("profiles"))
}

fn file(folder: &Path, name: &str) -> Result<PathBuf, ProfileError> {
    let safe = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.chars().count() > MAX_NAME || !name.chars().all(safe) {
        return Err(ProfileError::Name(name.to_owned()));
    }
    Ok(folder.join(format!("{name}.json")))
}

/// Names of the profiles in a folder, in order.
pub fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let name = |entry: std::fs::DirEntry| {
        Some(entry.file_name().to_str()?.strip_suffix(".json")?.to_owned())
    };
    let mut names: Vec<String> = entries.flatten().filter_map(name).collect();
    names.sort();
    names
}

/// Settings of a profile for the present controls.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    /// Names and values of controls, in the order in which they are to be set: switches and
    /// choices first, because they decide which numbers can be set.
    pub settings: Vec<(String, Value)>,
    /// Settings of the profile for which there is no control.
    pub unknown: Vec<String>,
}

/// Reads the profile `name` for cameras that are connected and have these controls.
///
/// # Errors
/// See [`ProfileError`].
pub fn load(folder: &Path, name: &str, controls: &[Control]) -> Result<Loaded, ProfileError> {
    let mut profile = Profile::new(folder, Some(name), None)?;
    let settings = profile.apply(controls);
    Ok(Loaded { settings, unknown: profile.take_unknown() })
}

/// Saves the present values of these controls as the profile `name`, which is replaced if it
/// exists.
///
/// # Errors
/// See [`ProfileError`].
pub fn save(folder: &Path, name: &str, controls: &[Control]) -> Result<(), ProfileError> {
    write(&file(folder, name)?, settings(controls))
}

fn write(path: &Path, controls: BTreeMap<String, Value>) -> Result<(), ProfileError> {
    let failed = |why: String| ProfileError::File { path: path.to_owned(), why };
    let json = serde_json::to_vec_pretty(&File { controls }).map_err(|e| failed(e.to_string()))?;
    atomic_file::write(path, &json).map_err(|e| failed(e.cause.to_string()))
}

impl Profile {
    /// Reads the profile `load` and keeps later changes in the profile `save`.
    ///
    /// # Errors
    /// See [`ProfileError`].
    pub fn new(
        folder: &Path,
        load: Option<&str>,
        save: Option<&str>,
    ) -> Result<Self, ProfileError> {
        let mut profile = Self::default();
        if let Some(name) = load {
            let path = file(folder, name)?;
            let failed = |why: String| ProfileError::File { path: path.clone(), why };
            let bytes = input::read(&path, MAX_TEXT_BYTES).map_err(|e| match e.kind() {
                std::io::ErrorKind::NotFound => {
                    let known = names(folder).join(", ");
                    let known =
                        if known.is_empty() { known } else { format!(" (there are: {known})") };
                    ProfileError::Missing { name: name.to_owned(), known }
                }
                _ => failed(e.to_string()),
            })?;
            let file: File = serde_json::from_slice(&bytes).map_err(|e| failed(e.to_string()))?;
            profile.wanted = file.controls;
        }
        if let Some(name) = save {
            profile.save_to = Some(file(folder, name)?);
        }
        Ok(profile)
    }

    /// The settings to make now that these controls are known: switches and choices first, because
    /// they decide which numbers can be set. Each is returned once.
    pub(super) fn apply(&mut self, controls: &[Control]) -> Vec<(String, Value)> {
        let mut settings = Vec::new();
        for control in controls {
            if let Some(value) = self.wanted.remove(control.name.as_ref()) {
                // Setting one of these interrupts the stream.
                if control.on_release && control.value == value {
                    continue;
                }
                settings.push((control.name.to_string(), value));
            }
        }
        settings.sort_by_key(|(_, value)| matches!(value, Value::Int(_) | Value::Float(_)));
        settings
    }

    /// Names of the settings that no control has, now that all cameras are connected. They are
    /// left out from now on.
    pub(super) fn take_unknown(&mut self) -> Vec<String> {
        std::mem::take(&mut self.wanted).into_keys().collect()
    }

    /// Takes note of the present settings, and writes them when they have settled.
    ///
    /// # Errors
    /// The file cannot be written; the message is for the user.
    pub(super) fn keep(&mut self, controls: &[Control], now: Instant) -> Result<(), String> {
        // Before everything was applied, the old settings would be saved.
        if self.save_to.is_none() || controls.is_empty() || !self.wanted.is_empty() {
            return Ok(());
        }
        let settings = settings(controls);
        if settings == self.saved {
            self.changed = None;
            return Ok(());
        }
        match &self.changed {
            Some((same, since)) if *same == settings => {
                if now.saturating_duration_since(*since) < DEBOUNCE {
                    return Ok(());
                }
                self.write()
            }
            _ => {
                self.changed = Some((settings, now));
                Ok(())
            }
        }
    }

    /// Writes what is not in the file yet.
    pub(super) fn write(&mut self) -> Result<(), String> {
        let (Some(path), Some((controls, _))) = (&self.save_to, self.changed.take()) else {
            return Ok(());
        };
        self.saved = controls.clone();
        write(path, controls).map_err(|e| format!("the profile was not saved: {e}"))
    }
}

/// The settings among the controls' present values.
fn settings(controls: &[Control]) -> BTreeMap<String, Value> {
    let value = |name: &str| controls.iter().find(|c| c.name == name).map(|c| &c.value);
    let is_automatic = |name: &str| {
        // The names of two cameras' controls have a prefix.
        let (prefix, own) = name.rsplit_once(':').map_or(("", name), |(p, n)| (p, n));
        let automatic = AUTOMATIC.iter().find(|(number, _)| *number == own).map(|(_, by)| *by);
        let separator = if prefix.is_empty() { "" } else { ":" };
        automatic.and_then(|by| value(&format!("{prefix}{separator}{by}"))).is_some_and(|v| match v
        {
            Value::Bool(on) => *on,
            Value::Enum(mode) => mode != "Off",
            _ => false,
        })
    };
    let is_setting = |c: &&Control| {
        let own = c.name.rsplit_once(':').map_or(c.name.as_ref(), |(_, own)| own);
        !NOT_SETTINGS.contains(&own) && !is_automatic(&c.name)
    };
    controls.iter().filter(is_setting).map(|c| (c.name.to_string(), c.value.clone())).collect()
}

#[cfg(test)]
mod tests;
