//! Reports and counts the recordings that a training skips, each once.

use super::TrainError;
use super::metrics_file::Metrics;
use super::observer::TrainObserver;
use super::recordings::Recordings;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The recordings that were reported so far.
#[derive(Default)]
pub(super) struct Skipped {
    reported: BTreeSet<PathBuf>,
}

impl Skipped {
    /// Reports the recordings that were skipped since the last call to the observer and the metrics
    /// file.
    pub(super) fn report(
        &mut self,
        recordings: &Recordings,
        step: u64,
        metrics: &mut Metrics,
        watch: &mut dyn TrainObserver,
    ) -> Result<(), TrainError> {
        if recordings.skipped_count() == self.reported.len() {
            return Ok(());
        }
        for (path, why) in recordings.skipped() {
            if !self.reported.contains(&path) {
                watch.notify(&format!("skipped {}: {why}", path.display()));
                metrics.skip(step, &path, &why)?;
                self.reported.insert(path);
            }
        }
        let (n, of) = (self.reported.len(), recordings.files().len());
        watch.notify(&format!("{n} of {of} recordings skipped so far"));
        Ok(())
    }
}
