//! Names what a training leaves out, each once, and counts it.

use super::TrainError;
use super::metrics_file::Metrics;
use super::recordings::Recordings;
use super::watch::TrainObserver;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What was told of so far.
#[derive(Default)]
pub(super) struct Skipped {
    told: BTreeSet<PathBuf>,
}

impl Skipped {
    /// Tells of the recordings that were skipped since the last time, a person and the metrics
    /// file.
    pub(super) fn tell(
        &mut self,
        recordings: &Recordings,
        step: u64,
        metrics: &mut Metrics,
        watch: &mut dyn TrainObserver,
    ) -> Result<(), TrainError> {
        if recordings.skipped_count() == self.told.len() {
            return Ok(());
        }
        for (path, why) in recordings.skipped() {
            if !self.told.contains(&path) {
                watch.notify(&format!("skipped {}: {why}", path.display()));
                metrics.skip(step, &path, &why)?;
                self.told.insert(path);
            }
        }
        let (n, of) = (self.told.len(), recordings.files().len());
        watch.notify(&format!("{n} of {of} recordings skipped so far"));
        Ok(())
    }
}
