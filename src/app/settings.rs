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

impl Settings {
    /// Reads what can be read: a missing file, an unknown name or a value of the wrong kind
    /// costs that setting and no other.
    pub(super) fn read(path: &Path) -> Self {
        std::fs::read(path).map(|bytes| Self::parse(&bytes)).unwrap_or_default()
    }

    fn parse(bytes: &[u8]) -> Self {
        use serde_json::{Map, Value};
        let stored: Map<String, Value> = serde_json::from_slice(bytes).unwrap_or_default();
        let mut good = Map::new();
        for (name, value) in stored {
            let mut tried = good.clone();
            tried.insert(name, value);
            if serde_json::from_value::<Self>(Value::Object(tried.clone())).is_ok() {
                good = tried;
            }
        }
        let mut settings: Self = serde_json::from_value(Value::Object(good)).unwrap_or_default();
        let default = Self::default();
        settings.thresholds = settings.thresholds.filter(Thresholds::is_valid);
        if !(0.0..=1.0).contains(&settings.divider) {
            settings.divider = default.divider;
        }
        if !(0.5..=16.0).contains(&settings.gain) {
            settings.gain = default.gain;
        }
        settings.slow_instants = settings.slow_instants.clamp(2, 33);
        settings.frames = settings.frames.clamp(2, 1_000_000);
        settings
    }

    /// Writes the file.
    pub(super) fn write(&self, path: &Path) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).map_err(|e| e.to_string())?;
        crate::output::write(path, text.as_bytes()).map_err(|e| e.to_string())
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
        assert_eq!(Settings::read(&path), Settings::default());
        let mine = Settings { view: View::Wipe, events: true, divider: 0.25, ..Default::default() };
        mine.write(&path).unwrap();
        assert_eq!(Settings::read(&path), mine);
        let odd = br#"{"view": "hologram", "events": true, "divider": 7, "slow_instants": 1000,
            "details": "yes", "from_the_future": [1], "frames": 0, "thresholds": {"on": 0.2, "off": -1}, "gain": -3, "folder": 5}"#;
        let got = Settings::parse(odd);
        let want = Settings { events: true, slow_instants: 33, frames: 2, ..Default::default() };
        assert_eq!(got, want);
        assert_eq!(Settings::parse(b"\xff not JSON"), Settings::default());
        assert_eq!(Settings::parse(b"[1, 2]"), Settings::default());
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
        assert_eq!(Settings::parse(old), want);
    }
}
