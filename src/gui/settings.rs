//! What is kept between runs: one small JSON file in the platform's folder for settings.

use crate::event::Thresholds;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What the middle of the window shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum View {
    /// Blurry and restored, with EDI and the truth beside them where they are wanted.
    #[default]
    SideBySide,
    /// Blurry left and restored right of a line that can be dragged.
    Wipe,
    Blurry,
    Restored,
    /// What restoring changed.
    Difference,
}

/// What the panel beside the pictures shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Tab {
    /// Rates, times, losses, plots.
    #[default]
    Numbers,
    /// What the source offers to be set.
    Camera,
    /// The recorder.
    Record,
    /// Sequences that were recorded.
    Library,
}

/// Choices of the person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Settings {
    pub view: View,
    /// Events over the pictures.
    pub events: bool,
    /// EDI as a further picture.
    pub edi: bool,
    /// Contrast thresholds of the event camera, where they are set rather than estimated.
    pub thresholds: Option<Thresholds>,
    /// The true sharp image as a further picture, where it is known.
    pub truth: bool,
    /// Mark pixels that are too bright or too dark.
    pub clipping: bool,
    /// Smooth where a picture is magnified a little.
    pub smooth: bool,
    /// The numbers in large type; none for in full screen only.
    pub large: Option<bool>,
    /// Strength of the difference.
    pub gain: f32,
    /// The panel beside the pictures, and what it shows.
    pub side: bool,
    pub tab: Tab,
    /// Where the wipe's line is, a fraction of the width.
    pub divider: f32,
    /// Instants that slow motion shows of one exposure.
    pub slow_instants: usize,
    /// Name of the scene that is recorded, and where it is.
    pub scene: String,
    pub indoor: bool,
    /// Frames of a recording, and whether it goes on until it is stopped instead.
    pub frames: u64,
    pub open_ended: bool,
    /// Where recordings lie; the person's documents if none.
    pub folder: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            view: View::SideBySide,
            events: false,
            edi: false,
            thresholds: None,
            truth: false,
            clipping: false,
            smooth: true,
            large: None,
            gain: 2.0,
            side: false,
            tab: Tab::Numbers,
            divider: 0.5,
            slow_instants: 9,
            scene: "scene".into(),
            indoor: true,
            // As the sequences of MS-RBD have.
            frames: 60,
            open_ended: false,
            folder: None,
        }
    }
}

/// Names of earlier versions that mean nothing any more.
const RETIRED: &[&str] = &["contrast", "details"];

impl Settings {
    /// Reads what can be read: a missing file, an unknown name or a value that cannot be used
    /// costs that setting and no other. The lines name what was not understood, for people.
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
        let mut good = Map::new();
        for (name, value) in stored {
            if RETIRED.contains(&&*name) {
                continue;
            }
            if known.get(&name).is_none() {
                warnings.push(format!("{name} is not a setting of this version"));
                continue;
            }
            let one = Map::from_iter([(name.clone(), value.clone())]);
            match serde_json::from_value::<Self>(Value::Object(one)) {
                Ok(_) => {
                    good.insert(name, value);
                }
                Err(e) => warnings.push(format!("{name} cannot be {value} ({e})")),
            }
        }
        let mut settings: Self = serde_json::from_value(Value::Object(good)).unwrap_or_default();
        settings.restrict(&mut warnings);
        (settings, warnings)
    }

    /// Puts numbers out of range back to their default or into the range.
    fn restrict(&mut self, warnings: &mut Vec<String>) {
        fn number<T: PartialOrd + Copy + std::fmt::Display>(
            (name, value): (&str, &mut T),
            range: std::ops::RangeInclusive<T>,
            instead: T,
            warnings: &mut Vec<String>,
        ) {
            if !range.contains(&*value) {
                let (low, high) = (range.start(), range.end());
                warnings.push(format!("{name} cannot be {value}: it goes from {low} to {high}"));
                *value = instead;
            }
        }
        let default = Self::default();
        if self.thresholds.is_some_and(|t| !t.is_valid()) {
            warnings.push("thresholds must be above 0 and at most 2".to_owned());
            self.thresholds = None;
        }
        number(("divider", &mut self.divider), 0.0..=1.0, default.divider, warnings);
        number(("gain", &mut self.gain), 0.5..=16.0, default.gain, warnings);
        let instants = self.slow_instants.clamp(2, 33);
        number(("slow_instants", &mut self.slow_instants), 2..=33, instants, warnings);
        let frames = self.frames.clamp(2, 1_000_000);
        number(("frames", &mut self.frames), 2..=1_000_000, frames, warnings);
    }

    /// Writes the file.
    pub(super) fn write(&self, path: &Path) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).map_err(|e| e.to_string())?;
        crate::formats::atomic_file::write(path, text.as_bytes()).map_err(|e| e.to_string())
    }
}

/// The settings' file, where the platform has a folder for it.
pub(super) fn file() -> Option<PathBuf> {
    let folders = directories::ProjectDirs::from("", "", "gem-live")?;
    Some(folders.config_dir().join("settings.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_and_broken_ones_cost_only_themselves() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deeper/settings.json");
        assert_eq!(Settings::read(&path), (Settings::default(), Vec::new()));
        let mine = Settings { view: View::Wipe, events: true, divider: 0.25, ..Default::default() };
        mine.write(&path).unwrap();
        assert_eq!(Settings::read(&path), (mine, Vec::new()));
        let odd = br#"{"view": "hologram", "events": true, "divider": 7, "slow_instants": 1000,
            "details": "yes", "from_the_future": [1], "frames": 0,
            "thresholds": {"on": 0.2, "off": -1}, "gain": -3, "folder": 5}"#;
        let (got, _) = Settings::parse(odd);
        let want = Settings { events: true, slow_instants: 33, frames: 2, ..Default::default() };
        assert_eq!(got, want);
    }

    #[test]
    fn settings_that_are_not_understood_are_named() {
        let odd = br#"{"view": "hologram", "events": true, "divider": 7, "slow_instants": 1000,
            "from_the_future": [1], "frames": 0, "gain": -3, "folder": 5}"#;
        let (_, warnings) = Settings::parse(odd);
        let names = ["view", "divider", "slow_instants", "from_the_future", "frames", "gain"];
        for name in names.iter().chain(&["folder"]) {
            let about = warnings.iter().filter(|w| w.starts_with(name)).count();
            assert_eq!(about, 1, "{name}: {warnings:?}");
        }
        assert_eq!(warnings.len(), 7, "{warnings:?}");
        for damaged in [&b"\xff not JSON"[..], b"[1, 2]", b""] {
            let (got, warnings) = Settings::parse(damaged);
            assert_eq!(got, Settings::default());
            assert!(warnings.len() == 1 && warnings[0].contains("damaged"), "{warnings:?}");
        }
        let folder = tempfile::tempdir().unwrap();
        let (got, warnings) = Settings::read(folder.path());
        assert_eq!((got, warnings.len()), (Settings::default(), 1), "a folder is no file");
    }

    #[test]
    fn the_file_of_the_first_version_is_understood() {
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
