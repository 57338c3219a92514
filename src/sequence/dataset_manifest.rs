//! `manifest.json` of a dataset: how it was made, and metadata of its recordings.

use crate::event::{Contrast, ContrastSource, Thresholds};
use crate::formats::input;
use crate::formats::limits::MAX_UNPACKED_BYTES;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The file's name, in the dataset's folder.
pub const DATASET_MANIFEST: &str = "manifest.json";

/// Metadata of a recording that its file does not contain.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Entry {
    /// The source that it was made from.
    pub source: String,
    /// ON and OFF contrast thresholds of the event camera, where they are known.
    #[serde(default)]
    pub thresholds: Option<[f64; 2]>,
    /// Where the thresholds are from, if not from the creation of the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold_source: Option<ContrastSource>,
    /// Relative standard error of thresholds that were estimated, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold_uncertainty: Option<f64>,
    /// The longest motion during an exposure in pixels, where it is known.
    #[serde(default)]
    pub blur_px: Option<f64>,
    /// Number of events.
    pub events: usize,
}

impl Entry {
    /// The contrast thresholds with their source; `None` also if they are none that a camera has.
    pub fn contrast(&self) -> Option<Contrast> {
        let [on, off] = self.thresholds?;
        let thresholds = Thresholds { on, off };
        let source = self.threshold_source.unwrap_or(ContrastSource::Known);
        let uncertainty = self.threshold_uncertainty;
        thresholds.is_valid().then_some(Contrast { thresholds, source, uncertainty })
    }
}

/// The contents of the file.
#[derive(Deserialize, Serialize)]
pub(crate) struct DatasetManifest {
    pub(crate) program: String,
    pub(crate) settings: serde_json::Value,
    pub(crate) recordings: BTreeMap<String, Entry>,
    pub(crate) skipped: Vec<String>,
}

/// Why a dataset's manifest cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DatasetManifestError {
    /// The file cannot be read.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        cause: std::io::Error,
    },
    /// The file is not a dataset manifest.
    #[error("{}: {cause}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: serde_json::Error,
    },
}

impl DatasetManifest {
    pub(crate) fn read(path: &Path) -> Result<Self, DatasetManifestError> {
        let path = path.to_owned();
        match input::read(&path, MAX_UNPACKED_BYTES) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|cause| DatasetManifestError::Parse { path, cause }),
            Err(cause) => Err(DatasetManifestError::Io { path, cause }),
        }
    }
}

/// The metadata of a dataset's recordings, by path within the dataset; `None` without a manifest.
///
/// # Errors
/// The manifest exists but cannot be read.
pub fn dataset_entries(
    folder: &Path,
) -> Result<Option<BTreeMap<String, Entry>>, DatasetManifestError> {
    let path = folder.join(DATASET_MANIFEST);
    if !path.exists() {
        return Ok(None);
    }
    Ok(Some(DatasetManifest::read(&path)?.recordings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_that_no_camera_has_are_not_used() {
        let contrast = |thresholds: &str| {
            let json =
                format!("{{\"source\": \"a\", \"thresholds\": {thresholds}, \"events\": 1}}");
            serde_json::from_str::<Entry>(&json).unwrap().contrast()
        };
        let known = contrast("[0.2, 0.3]").unwrap();
        assert_eq!(known.thresholds, Thresholds { on: 0.2, off: 0.3 });
        for thresholds in ["null", "[0.2, 0]", "[-0.2, 0.3]", "[0.2, 1e300]"] {
            assert!(contrast(thresholds).is_none(), "{thresholds}");
        }
    }
}
