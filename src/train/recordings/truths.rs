//! Batches of recordings with ground truth.

use crate::random::KeyedRng;
use crate::train::loss::Labelled;
use crate::train::recordings::Recordings;
use crate::train::{DataLoader, TrainError};

/// Batches of recordings with ground truth: every one once per epoch, shuffled, half of them at a
/// random smaller ratio of image to event resolution.
pub struct Truths {
    /// The recordings.
    pub recordings: Recordings,
    /// Batch size.
    pub batch: usize,
    /// Random seed.
    pub seed: u64,
}

/// RNG keys that separate the uses of the seed.
pub(crate) const ORDER: u64 = 0x6f72_6465;

pub(crate) const SAMPLE: u64 = 0x7361_6d70;

pub(crate) const SCALE: u64 = 0x7363_616c;

impl DataLoader for Truths {
    fn recordings(&self) -> Option<&Recordings> {
        Some(&self.recordings)
    }

    fn batch(&self, number: u64) -> Result<Vec<Labelled>, TrainError> {
        let count = self.batch.max(1);
        let files = self.recordings.files().len().max(1) as u64;
        let one = |index: u64| {
            let order = self.recordings.order(&[self.seed, ORDER, index / files]);
            let file = order.get(usize::try_from(index % files).ok()?)?;
            let sample = self.recordings.labelled(*file, &[self.seed, SAMPLE, index])?;
            Some(crate::train::recordings::sampling::scaled(
                sample,
                &mut KeyedRng::keyed(&[self.seed, SCALE, index]),
            ))
        };
        let first = number * count as u64;
        let found: Vec<_> = (0..count as u64).filter_map(|i| one(first + i)).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        // All of them were skipped: use the next usable one, searching each file once.
        let later = (0..files).find_map(|i| one(first + count as u64 + i)).map(|s| vec![s]);
        later.ok_or_else(|| {
            let skipped = self.recordings.skipped();
            let (path, why) = skipped
                .iter()
                .next()
                .map_or(Default::default(), |(p, w)| (p.display().to_string(), w.clone()));
            TrainError::Data(format!("all {files} recordings were skipped; {path}: {why}"))
        })
    }
}
