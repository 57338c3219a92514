//! Settings that persist between runs: a small JSON file in the platform's config folder.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// View of the central area.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum View {
    /// Blurry and restored, with EDI and ground truth beside them if enabled.
    #[default]
    SideBySide,
    /// Blurry left and restored right of a draggable divider.
    Wipe,
    Blurry,
    Restored,
    /// Restored minus blurry.
    Difference,
}

/// Tab of the side panel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Tab {
    /// Statistics: rates, times, drops, plots.
    #[default]
    #[serde(rename = "numbers")]
    Statistics,
    /// Controls of the source.
    Camera,
    #[serde(rename = "record")]
    Recorder,
    /// The list of recordings.
    #[serde(rename = "library")]
    Recordings,
}

/// The user's settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Settings {
    pub view: View,
    /// Event overlay.
    pub events: bool,
    /// Show EDI as an additional picture.
    pub edi: bool,
    /// Show ground truth as an additional picture, where available.
    pub truth: bool,
    /// Mark clipped pixels.
    pub clipping: bool,
    /// Linear instead of nearest-neighbour scaling at moderate magnification.
    pub smooth: bool,
    /// Show the large statistics strip; none to show it in full screen only.
    pub large: Option<bool>,
    /// Gain of the difference view, 0.5 to 16.
    pub gain: f32,
    /// Show the side panel.
    pub side: bool,
    /// Tab of the side panel.
    pub tab: Tab,
    /// Position of the wipe's divider, as a fraction of the width.
    pub divider: f32,
    /// Instants that slow motion shows per exposure, 2 to 33.
    pub slow_instants: usize,
    /// Reblur slow motion and films of recordings, where that is the default.
    pub reblur: bool,
    /// Scene name of the next recording.
    pub scene: String,
    /// The scene is indoors.
    pub indoor: bool,
    /// Frames per recording, 2 to 1 000 000.
    pub frames: u64,
    /// Record until stopped instead.
    pub open_ended: bool,
    /// Folder of the recordings; the default folder if none.
    pub folder: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            view: View::SideBySide,
            events: false,
            edi: false,
            truth: false,
            clipping: false,
            smooth: true,
            large: None,
            gain: 2.0,
            side: false,
            tab: Tab::Statistics,
            divider: 0.5,
            slow_instants: 9,
            reblur: true,
            scene: "scene".into(),
            indoor: true,
            // The length of the sequences of MS-RBD.
            frames: 60,
            open_ended: false,
            folder: None,
        }
    }
}

/// Settings of earlier versions that are ignored. Thresholds are kept per camera now.
const RETIRED: &[&str] = &["contrast", "details", "thresholds"];

impl Settings {
    /// Reads the settings. Unknown names and invalid values are skipped and the defaults used
    /// for them; a missing file gives the defaults. Also returns one warning per problem.
    pub(super) fn read(path: &Path) -> (Self, Vec<String>) {
        match std::fs::read(path) {
            Ok(bytes) => Self::parse(&bytes),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => (Self::default(), Vec::new()),
            Err(e) => (Self::default(), vec![format!("{}: {e}", path.display())]),
        }
    }

    fn parse(bytes: &[u8]) -> (Self, Vec<String>) {
        use serde_json::{Map, Value};
        let stored: Map<String, Value> = match serde_json::from_slice(bytes) {
            Ok(stored) => stored,
            Err(e) => return (Self::default(), vec![format!("the file is damaged ({e})")]),
        };
        let known = serde_json::to_value(Self::default()).unwrap_or_default();
        let mut warnings = Vec::new();
        let mut valid = Map::new();
        for (name, value) in stored {
            if RETIRED.contains(&&*name) {
                continue;
            }
            if known.get(&name).is_none() {
                warnings.push(format!("{name} is not a setting of this version"));
                continue;
            }
            let single = Map::from_iter([(name.clone(), value.clone())]);
            match serde_json::from_value::<Self>(Value::Object(single)) {
                Ok(_) => {
                    valid.insert(name, value);
                }
                Err(e) => warnings.push(format!("{name} has an invalid value, {value} ({e})")),
            }
        }
        let mut settings: Self = serde_json::from_value(Value::Object(valid)).unwrap_or_default();
        settings.restrict(&mut warnings);
        (settings, warnings)
    }

    /// Replaces numbers outside their range by the default or the nearest valid value.
    fn restrict(&mut self, warnings: &mut Vec<String>) {
        fn number<T: PartialOrd + Copy + std::fmt::Display>(
            (name, value): (&str, &mut T),
            range: std::ops::RangeInclusive<T>,
            replacement: T,
            warnings: &mut Vec<String>,
        ) {
            if !range.contains(&*value) {
                let (low, high) = (range.start(), range.end());
                warnings.push(format!("{name} must be {low} to {high}, not {value}"));
                *value = replacement;
            }
        }
        let default = Self::default();
        number(("divider", &mut self.divider), 0.0..=1.0, default.divider, warnings);
        number(("gain", &mut self.gain), 0.5..=16.0, default.gain, warnings);
        let instants = self.slow_instants.clamp(2, 33);
        number(("slow_instants", &mut self.slow_instants), 2..=33, instants, warnings);
        let frames = self.frames.clamp(2, 1_000_000);
        number(("frames", &mut self.frames), 2..=1_000_000, frames, warnings);
    }

    /// Whether the large statistics strip is visible: as set by the user, otherwise in full
    /// screen only.
    pub(super) fn large_in(&self, full_screen: bool) -> bool {
        self.large.unwrap_or(full_screen)
    }

    /// Folder of the recordings.
    pub(super) fn recordings_folder(&self) -> PathBuf {
        self.folder.clone().unwrap_or_else(crate::sequence::recordings)
    }

    /// Writes the settings to a file.
    ///
    /// # Errors
    /// The file cannot be written; the text says why.
    pub(super) fn write(&self, path: &Path) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).map_err(|e| e.to_string())?;
        crate::formats::atomic_file::write(path, text.as_bytes()).map_err(|e| e.to_string())
    }
}

/// Path of the settings file; none if the platform has no config folder.
pub(super) fn default_file() -> Option<PathBuf> {
    let folders = directories::ProjectDirs::from("", "", "gem-live")?;
    Some(folders.config_dir().join("settings.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_round_trip_and_invalid_ones_are_replaced_individually() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deeper/settings.json");
        assert_eq!(Settings::read(&path), (Settings::default(), Vec::new()));
        let written =
            Settings { view: View::Wipe, reblur: false, divider: 0.25, ..Default::default() };
        written.write(&path).unwrap();
        assert_eq!(Settings::read(&path), (written, Vec::new()));
        let invalid = br#"{"view": "hologram", "events": true, "divider": 7, "slow_instants": 1000,
            "details": "yes", "from_the_future": [1], "frames": 0, "reblur": "off",
            "thresholds": {"on": 0.2, "off": -1}, "gain": -3, "folder": 5}"#;
        let (got, _) = Settings::parse(invalid);
        let want = Settings { events: true, slow_instants: 33, frames: 2, ..Default::default() };
        assert_eq!(got, want);
    }

    #[test]
    fn every_invalid_setting_gives_one_warning_that_names_it() {
        let invalid = br#"{"view": "hologram", "events": true, "divider": 7, "slow_instants": 1000,
            "from_the_future": [1], "frames": 0, "gain": -3, "folder": 5, "reblur": "off"}"#;
        let (_, warnings) = Settings::parse(invalid);
        let names = ["view", "divider", "slow_instants", "from_the_future", "frames", "gain"];
        for name in names.iter().chain(&["folder", "reblur"]) {
            let about = warnings.iter().filter(|w| w.starts_with(name)).count();
            assert_eq!(about, 1, "{name}: {warnings:?}");
        }
        assert_eq!(warnings.len(), 8, "{warnings:?}");
        for damaged in [&b"\xff not JSON"[..], b"[1, 2]", b""] {
            let (got, warnings) = Settings::parse(damaged);
            assert_eq!(got, Settings::default());
            assert!(warnings.len() == 1 && warnings[0].contains("damaged"), "{warnings:?}");
        }
        let folder = tempfile::tempdir().unwrap();
        let (got, warnings) = Settings::read(folder.path());
        assert_eq!((got, warnings.len()), (Settings::default(), 1), "a folder is not a file");
    }

    #[test]
    fn settings_of_the_first_version_can_be_read() {
        let old = br#"{"view": "wipe", "events": false, "edi": true, "contrast": 0.3,
            "details": true, "divider": 0.25, "slow_instants": 5}"#;
        let want = Settings {
            view: View::Wipe,
            edi: true,
            divider: 0.25,
            slow_instants: 5,
            ..Default::default()
        };
        assert_eq!(Settings::parse(old), (want, Vec::new()));
    }
}
