//! Writes the planned dataset.

use super::Plan;
use crate::formats::atomic_file;
use crate::sequence::export::error::{ExportError, YAML, io};
use crate::sequence::export::planned_file::PlannedFile;
use crate::sequence::export::split::Transfer;
use crate::sequence::export::staging::{Staging, check_free};
use crate::sequence::export::yaml::DatasetYaml;
use crate::sequence::{DATASET_MANIFEST, DatasetManifest, Entry};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// A dataset that was written.
#[derive(Clone, Debug, PartialEq)]
pub struct WrittenDataset {
    /// Its folder, absolute.
    pub root: PathBuf,
    /// Number of files that were copied or rewritten.
    pub copied: usize,
    /// Paths and contents of the YAML files for testing and for training.
    pub yaml: [(PathBuf, String); 2],
}

impl Plan {
    /// Creates the dataset with its manifest and YAML files in `out`, all or nothing. Its `train/` and
    /// `test/` must be missing or empty, and its files missing: nothing is overwritten. `step` is
    /// called after every file and can stop the operation.
    ///
    /// # Errors
    /// The dataset exists or is being written, the system reports an error, a file was changed since
    /// it was checked, or stopped by `step`.
    pub fn write(
        &self,
        out: &Path,
        transfer: Transfer,
        mut step: impl FnMut(&Path) -> ControlFlow<()>,
    ) -> Result<WrittenDataset, ExportError> {
        check_free(out)?;
        let staging = Staging::new(out)?;
        let mut copied = 0_usize;
        for planned in &self.files {
            let to = staging.folder().join(planned.path());
            let rewritten = planned.write(&to, transfer, self.times)?;
            copied = copied.saturating_add(usize::from(rewritten));
            if step(&planned.from).is_break() {
                return Err(ExportError::Stopped);
            }
        }
        let root = out.canonicalize().map_err(io(out))?;
        let name = root.file_name().map_or("exported".into(), |n| n.to_string_lossy());
        let [test, train] = self.yaml(&root, &name);
        let mut yaml = Vec::new();
        for (file, text) in YAML.into_iter().zip([test, train]) {
            atomic_file::write(&staging.folder().join(file), text.as_bytes())
                .map_err(|e| ExportError::Io(e.path, e.cause))?;
            yaml.push((root.join(file), text));
        }
        let manifest = staging.folder().join(DATASET_MANIFEST);
        let json = serde_json::to_vec_pretty(&self.manifest())
            .map_err(|e| ExportError::Io(manifest.clone(), std::io::Error::other(e)))?;
        atomic_file::write(&manifest, &json).map_err(|e| ExportError::Io(e.path, e.cause))?;
        staging.finish()?;
        let [test, train] = <[_; 2]>::try_from(yaml).unwrap_or_default();
        Ok(WrittenDataset { root, copied, yaml: [test, train] })
    }

    /// Where every recording is from, and the contrast thresholds that were recorded: the files of the
    /// dataset are no longer beside the manifests of their sequences.
    fn manifest(&self) -> DatasetManifest {
        let entry = |planned: &PlannedFile| Entry {
            source: planned.from.display().to_string(),
            thresholds: planned.contrast.map(|c| [c.thresholds.on, c.thresholds.off]),
            threshold_source: planned.contrast.map(|c| c.source),
            threshold_uncertainty: planned.contrast.and_then(|c| c.uncertainty),
            blur_px: None,
            events: planned.events,
        };
        let skipped = |(path, why): &(PathBuf, String)| format!("{}: {why}", path.display());
        DatasetManifest {
            program: concat!("gem-live ", env!("CARGO_PKG_VERSION")).to_owned(),
            settings: serde_json::json!({ "recipe": "export" }),
            recordings: self.files.iter().map(|f| (f.path(), entry(f))).collect(),
            skipped: self.broken.iter().map(skipped).collect(),
        }
    }

    /// The YAML files for testing and for training with the dataset in `root`, with the published
    /// settings and a network called `name`.
    pub fn yaml(&self, root: &Path, name: &str) -> [String; 2] {
        let sizes = self.sizes.iter().map(|(size, _)| *size).collect();
        let Self { scale_factor, truth, .. } = *self;
        DatasetYaml { root, name, scale_factor, truth, sizes }.files()
    }
}
